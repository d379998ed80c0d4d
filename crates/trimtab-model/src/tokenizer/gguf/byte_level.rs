//! Byte-level BPE: the kind `gpt2`.

use std::collections::HashSet;

use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split as SplitBy, SplitPattern};
use tokenizers::{Result, SplitDelimiterBehavior};

use super::vocabulary::Vocabulary;

/// How a text is cut before its parts become tokens: one value of `tokenizer.ggml.pre`.
pub(super) struct Split {
    /// Each cuts what the one before left: matches become parts, and so does what lies between.
    patterns: &'static [&'static str],
    /// Whether a part that is a token stays whole, whatever the merges say.
    ignore_merges: bool,
    /// Whether a text begins with `bos_token_id` where the file does not say.
    pub add_bos_token: bool,
}

/// BPE on the bytes of every part, each byte written as one character.
pub(super) fn tokenizer(vocabulary: &Vocabulary, split: &Split) -> Result<tokenizers::Tokenizer> {
    let ids: Vocab = vocabulary.tokens.iter().cloned().zip(0..).collect();
    let model = BPE::builder()
        .vocab_and_merges(ids, merges(vocabulary)?)
        .ignore_merges(split.ignore_merges)
        .build()?;
    let mut tokenizer = tokenizers::Tokenizer::new(model);
    let mut steps: Vec<PreTokenizerWrapper> = vec![];
    for &pattern in split.patterns {
        let pattern = SplitPattern::Regex(pattern.to_owned());
        steps.push(SplitBy::new(pattern, SplitDelimiterBehavior::Isolated, false)?.into());
    }
    let bytes = ByteLevel::new(false, false, false);
    steps.push(bytes.into());
    tokenizer.with_pre_tokenizer(Some(Sequence::new(steps)));
    tokenizer.with_decoder(Some(bytes));
    Ok(tokenizer)
}

/// The pairs, each once. Of two that are equal the first counts.
fn merges(vocabulary: &Vocabulary) -> Result<Vec<(String, String)>> {
    let mut seen = HashSet::new();
    let mut pairs = Vec::with_capacity(vocabulary.merges.len());
    for merge in vocabulary
        .merges
        .iter()
        .filter(|merge| seen.insert(merge.as_str()))
    {
        // A token may begin with a space.
        let first = merge.chars().next().map_or(0, char::len_utf8);
        let pair = merge[first..].split_once(' ');
        let (left, right) = pair.ok_or_else(|| format!("the merge `{merge}` is not a pair"))?;
        pairs.push((format!("{}{left}", &merge[..first]), right.to_owned()));
    }
    Ok(pairs)
}

impl Split {
    /// The split named `pre`, if it is known.
    pub(super) fn new(pre: &str) -> Option<Self> {
        let (patterns, ignore_merges, add_bos_token): (&'static [&'static str], _, _) = match pre {
            "default" => (DEFAULT, false, false),
            "llama3" | "llama-v3" | "llama-bpe" | "falcon3" | "falcon-h1" | "pixtral"
            | "midm-2.0" | "lfm2" => (LLAMA3, true, true),
            "dbrx" | "smaug-bpe" | "chatglm-bpe" => (LLAMA3, false, false),
            "glm4" | "glm5" => (LLAMA3, true, false),
            "minicpm5" => (MINICPM5, true, false),
            "qwen2" | "deepseek-r1-qwen" | "kormo" | "f2llmv2" | "megrez" | "stablelm2"
            | "hunyuan" | "solar-open" | "grok-2" => (QWEN2, false, false),
            "qwen35" => (QWEN35, false, false),
            "seed-coder" => (SEED_CODER, false, false),
            "bailingmoe" | "bailingmoe2" => (BAILINGMOE, false, false),
            "tekken" => (TEKKEN, true, true),
            "gpt-4o" | "llama4" | "kanana2" | "minimax-m2" => (GPT_4O, false, false),
            "gpt-2" | "phi-2" | "gigachat" | "a.x-4.0" | "mellum" | "mpt" | "olmo" | "jais"
            | "trillion" | "granite-docling" | "exaone4" => (GPT2, false, false),
            "starcoder" | "refact" | "command-r" | "smollm" | "codeshell" | "exaone"
            | "minerva-7b" | "mellum2" => (STARCODER, false, false),
            "falcon" => (FALCON, false, false),
            "deepseek-llm" => (DEEPSEEK_LLM, false, false),
            "deepseek-coder" => (DEEPSEEK_CODER, false, false),
            "deepseek-v3" | "hunyuan-dense" => (DEEPSEEK_V3, false, false),
            "poro-chat" | "bloom" | "gpt3-finnish" => (BLOOM, false, false),
            "viking" => (VIKING, false, false),
            _ => return None,
        };
        Some(Self {
            patterns,
            ignore_merges,
            add_bos_token,
        })
    }
}

/// English contractions in both cases. `(?i:…)` would also fold `ſ` to `s`.
macro_rules! contractions {
    () => {
        r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
    };
}

/// Punctuation with the line ends behind it, line ends, and other spaces up to the last one before
/// a word.
macro_rules! other {
    () => {
        r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    };
}

/// A word with one character before it that is no line end.
macro_rules! word {
    () => {
        r"[^\r\n\p{L}\p{N}]?\p{L}+"
    };
}

/// A word in the two forms `Word` and `WORD`, as `tekken` and GPT-4o cut them.
macro_rules! cased {
    ($end:expr) => {
        concat!(
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+",
            $end,
            r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*",
            $end,
        )
    };
}

macro_rules! gpt2 {
    () => {
        r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    };
}

const GPT2: &[&str] = &[gpt2!()];

const STARCODER: &[&str] = &[r"\p{N}", gpt2!()];

const DEFAULT: &[&str] = &[r"[\p{P}$+<=>^~|]+", gpt2!(), r"\p{N}+", "[0-9][0-9][0-9]"];

const FALCON: &[&str] = &[r"[\p{P}$+<=>^~|`]+", gpt2!(), "[0-9][0-9][0-9]"];

const LLAMA3: &[&str] = &[concat!(
    contractions!(),
    "|",
    word!(),
    r"|\p{N}{1,3}|",
    other!()
)];

const QWEN2: &[&str] = &[concat!(contractions!(), "|", word!(), r"|\p{N}|", other!())];

/// As `QWEN2`, with combining marks in words.
const QWEN35: &[&str] = &[concat!(
    contractions!(),
    r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}",
    r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)];

const MINICPM5: &[&str] = &[
    r"\p{N}{1,3}",
    concat!(contractions!(), "|", word!(), r"|\p{N}+|", other!()),
];

const SEED_CODER: &[&str] = &[concat!(
    contractions!(),
    "|",
    word!(),
    r"|\p{N}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+"
)];

const BAILINGMOE: &[&str] = &[concat!(
    contractions!(),
    "|",
    word!(),
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
)];

const TEKKEN: &[&str] = &[concat!(
    cased!(""),
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)];

const GPT_4O: &[&str] = &[concat!(
    cased!(concat!(contractions!(), "?")),
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)];

/// The second takes cased letters, without those that the Unicode of its time did not have and
/// those of mathematics and small scripts.
const DEEPSEEK_LLM: &[&str] = &[
    "[\r\n]",
    concat!(
        r"\s?[[\p{Lu}\p{Ll}\p{Lt}]--[\u{560}-\u{588}\u{10C7}\u{10CD}\u{10D0}-\u{10FF}",
        r"\u{1C80}-\u{1C8F}\u{2D00}-\u{2D2D}\u{A790}-\u{A7FA}\u{AB30}-\u{AB68}",
        r"\u{10570}-\u{105BF}\u{10D50}-\u{10DFF}\u{16E40}-\u{16EFF}\u{1D400}-\u{1D7FF}",
        r"\u{1DF00}-\u{1DFFF}]]+"
    ),
    r"\s?[!-/:-~！-／：-～‘-‟　-。]+",
    r"\s+$",
    "[一-龥ࠀ-一가-퟿]+",
    r"\p{N}+",
];

const DEEPSEEK_CODER: &[&str] = &[
    "[\r\n]",
    r"\s?\p{L}+",
    r"\s?\p{P}+",
    "[一-龥ࠀ-一가-퟿]+",
    r"\p{N}",
];

const DEEPSEEK_V3: &[&str] = &[
    r"\p{N}{1,3}",
    "[一-龥぀-ゟ゠-ヿ]+",
    concat!(
        r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"##,
        r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
];

/// The brackets are as in the file of BLOOM: `(`, `|` and `)` are members of the set.
const BLOOM: &[&str] = &[r" ?[^(\s|.,!?…。，、।۔،)]+"];

const VIKING: &[&str] = &[r" ?[^(\s|.,!?…。，、।۔،)]+", r"\p{N}"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        for patterns in [
            GPT2,
            STARCODER,
            DEFAULT,
            FALCON,
            LLAMA3,
            QWEN2,
            QWEN35,
            MINICPM5,
            SEED_CODER,
            BAILINGMOE,
            TEKKEN,
            GPT_4O,
            DEEPSEEK_LLM,
            DEEPSEEK_CODER,
            DEEPSEEK_V3,
            BLOOM,
            VIKING,
        ] {
            for &pattern in patterns {
                let pattern = SplitPattern::Regex(pattern.to_owned());
                SplitBy::new(pattern, SplitDelimiterBehavior::Isolated, false).expect("a regex");
            }
        }
    }
}

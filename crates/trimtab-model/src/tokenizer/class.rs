//! The tokenizer classes of transformers 5.
//!
//! Most classes read `tokenizer.json` as it is. The others take its vocabulary, its merges and its
//! post-processor, and bring their own normalizer, pre-tokenizer and decoder. Which class reads a
//! folder depends on `tokenizer_class` and on the kind of the model; see
//! [`AutoTokenizer`](https://github.com/huggingface/transformers/blob/v5.0.0/src/transformers/models/auto/tokenization_auto.py).

use serde_json::{Value, json};
use tokenizers::{DecoderWrapper, ModelWrapper, NormalizerWrapper, PreTokenizerWrapper, Result};

use crate::tokenizer_config::{TokenizerConfig, text};

/// How `tokenizer.json` is read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Class {
    /// `TokenizersBackend`, `PreTrainedTokenizerFast`, and all classes that transformers does not
    /// know: as it is.
    File,
    Llama,
    CodeLlama,
    Gemma,
    Qwen2,
    Qwen35,
    Gpt2,
    GptNeoX,
    Cohere,
}

impl Class {
    /// The class that reads a folder with these files.
    ///
    /// # Errors
    ///
    /// The name of a class that is not supported.
    pub(super) fn of(
        config: &TokenizerConfig,
        model_config: &Value,
        tokenizer_json: Option<&[u8]>,
    ) -> std::result::Result<Self, String> {
        let family = Family::of(model_config["model_type"].as_str().unwrap_or_default());
        let given = config.get("tokenizer_class").and_then(Value::as_str);
        let declared = given.or_else(|| model_config["tokenizer_class"].as_str());
        let Some(declared) = declared.map(|name| name.strip_suffix("Fast").unwrap_or(name)) else {
            return Ok(family.class());
        };
        let bytes = tokenizer_json.unwrap_or_default();
        let is_byte_level = || bytes.windows(11).any(|window| window == b"\"ByteLevel\"");
        let code = config.get("auto_map");
        if code.is_some_and(|map| map.is_array() || !map["AutoTokenizer"].is_null()) {
            // The code is not run. A class that transformers has, or a kind of model that it
            // knows, does without.
            return match Self::named(declared)? {
                Self::File if !family.is_known() && !GENERIC.contains(&declared) => {
                    Err(declared.to_owned())
                }
                class => Ok(class),
            };
        }
        if declared == "LlamaTokenizer" && !family.is_decisive() && is_byte_level() {
            return Ok(Self::File);
        }
        match family {
            Family::Decides(class) => Ok(class),
            Family::Default(Self::File) => Ok(Self::File),
            Family::Default(_) | Family::Unknown => Self::named(declared),
        }
    }

    /// The class named `name`, which has no suffix `Fast`.
    fn named(name: &str) -> std::result::Result<Self, String> {
        Ok(match name {
            "LlamaTokenizer" => Self::Llama,
            "CodeLlamaTokenizer" => Self::CodeLlama,
            "GemmaTokenizer" => Self::Gemma,
            "Qwen2Tokenizer" => Self::Qwen2,
            "Qwen3_5Tokenizer" => Self::Qwen35,
            "GPT2Tokenizer" | "CodeGenTokenizer" => Self::Gpt2,
            "GPTNeoXTokenizer" => Self::GptNeoX,
            "CohereTokenizer" => Self::Cohere,
            other if UNSUPPORTED.contains(&other) => return Err(other.to_owned()),
            _ => Self::File,
        })
    }

    /// Whether the class can be built from `vocab.json` and `merges.txt` alone.
    pub(super) fn is_byte_level(self) -> bool {
        !matches!(
            self,
            Self::File | Self::Llama | Self::CodeLlama | Self::Gemma
        )
    }

    /// The special tokens by key: those of `config`, and the defaults of the class for keys that
    /// are not there.
    pub(super) fn special_tokens(self, config: &TokenizerConfig) -> Vec<(String, Value)> {
        let given = config.special_tokens();
        let mut tokens: Vec<(String, Value)> = given
            .map(|(key, token)| (key.to_owned(), token.clone()))
            .collect();
        for &(key, token) in self.default_tokens() {
            if config.get(key).is_none() {
                tokens.push((key.to_owned(), token.into()));
            }
        }
        tokens
    }

    /// The special tokens that a class has by default.
    fn default_tokens(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::File => &[],
            Self::Llama => &[
                ("unk_token", "<unk>"),
                ("bos_token", "<s>"),
                ("eos_token", "</s>"),
            ],
            Self::CodeLlama => &[
                ("unk_token", "<unk>"),
                ("bos_token", "<s>"),
                ("eos_token", "</s>"),
                ("prefix_token", "▁<PRE>"),
                ("middle_token", "▁<MID>"),
                ("suffix_token", "▁<SUF>"),
                ("eot_token", "▁<EOT>"),
                ("fill_token", "<FILL_ME>"),
            ],
            Self::Gemma => &[
                ("unk_token", "<unk>"),
                ("bos_token", "<bos>"),
                ("eos_token", "<eos>"),
                ("pad_token", "<pad>"),
                ("mask_token", "<mask>"),
            ],
            Self::Qwen2 | Self::Qwen35 => &[
                ("unk_token", "<|endoftext|>"),
                ("eos_token", "<|endoftext|>"),
                ("pad_token", "<|endoftext|>"),
            ],
            Self::Gpt2 => &[
                ("unk_token", "<|endoftext|>"),
                ("bos_token", "<|endoftext|>"),
                ("eos_token", "<|endoftext|>"),
            ],
            Self::GptNeoX => &[
                ("unk_token", "<|endoftext|>"),
                ("bos_token", "<|endoftext|>"),
                ("eos_token", "<|endoftext|>"),
                ("pad_token", "<|padding|>"),
            ],
            Self::Cohere => &[
                ("unk_token", "<UNK>"),
                ("bos_token", "<BOS_TOKEN>"),
                ("eos_token", "<|END_OF_TURN_TOKEN|>"),
                ("pad_token", "<PAD>"),
                ("cls_token", "<CLS>"),
                ("sep_token", "<SEP>"),
                ("mask_token", "<MASK_TOKEN>"),
            ],
        }
    }

    /// The tokenizer that the class makes of `file`. Added tokens are left to the caller.
    ///
    /// A model that is not BPE stays as it is: transformers would put its words into BPE without
    /// merges, of which nothing good comes.
    pub(super) fn rebuild(
        self,
        file: tokenizers::Tokenizer,
        config: &TokenizerConfig,
    ) -> Result<tokenizers::Tokenizer> {
        let (Some(parts), ModelWrapper::BPE(model)) = (self.parts(config)?, file.get_model())
        else {
            return Ok(file);
        };
        let unknown = match self {
            Self::CodeLlama | Self::Gemma => self
                .special_tokens(config)
                .into_iter()
                .find(|(key, _)| key == "unk_token")
                .and_then(|(_, token)| text(&token).map(str::to_owned)),
            _ => None,
        };
        let is_pieces = matches!(self, Self::Llama | Self::CodeLlama | Self::Gemma);
        let mut model = model.clone();
        model.dropout = None;
        model.unk_token = unknown;
        model.continuing_subword_prefix = None;
        model.end_of_word_suffix = None;
        model.fuse_unk = is_pieces;
        model.byte_fallback = is_pieces;
        model.ignore_merges = false;
        let mut tokenizer = tokenizers::Tokenizer::new(model);
        tokenizer.with_normalizer(parts.normalizer);
        tokenizer.with_pre_tokenizer(parts.pre_tokenizer);
        tokenizer.with_decoder(parts.decoder);
        tokenizer.with_post_processor(file.get_post_processor().cloned());
        Ok(tokenizer)
    }
}

/// What a class brings itself.
struct Parts {
    normalizer: Option<NormalizerWrapper>,
    pre_tokenizer: Option<PreTokenizerWrapper>,
    decoder: Option<DecoderWrapper>,
}

impl Class {
    /// The parts of the class; `None` if it leaves those of the file.
    fn parts(self, config: &TokenizerConfig) -> Result<Option<Parts>> {
        let nfc = json!({"type": "NFC"});
        let (normalizer, pre_tokenizer, decoder) = match self {
            Self::File => return Ok(None),
            Self::Llama => {
                let prefix = config.flag("add_prefix_space", true);
                let scheme = match (prefix, config.flag("legacy", false)) {
                    (false, _) => "never",
                    (true, false) => "first",
                    (true, true) => "always",
                };
                (Value::Null, metaspace(scheme), pieces_decoder(prefix))
            }
            Self::CodeLlama => {
                let prefix = config.flag("add_prefix_space", true);
                let scheme = if prefix { "first" } else { "never" };
                (Value::Null, metaspace(scheme), pieces_decoder(true))
            }
            Self::Gemma => (
                json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"}),
                Value::Null, // it cuts at spaces, and the normalizer leaves none
                pieces_decoder(false),
            ),
            Self::Qwen2 => (nfc, split(QWEN2, config), byte_level(false, true)),
            Self::Qwen35 => (nfc, split(QWEN35, config), byte_level(false, true)),
            Self::Gpt2 => (Value::Null, gpt2(config), byte_level(false, true)),
            Self::GptNeoX => (nfc, gpt2(config), byte_level(false, true)),
            Self::Cohere => {
                let digits = json!({"type": "Digits", "individual_digits": true});
                let steps = json!([digits, gpt2(config)]);
                let steps = json!({"type": "Sequence", "pretokenizers": steps});
                (nfc, steps, byte_level(false, true))
            }
        };
        Ok(Some(Parts {
            normalizer: serde_json::from_value(normalizer)?,
            pre_tokenizer: serde_json::from_value(pre_tokenizer)?,
            decoder: serde_json::from_value(decoder)?,
        }))
    }
}

/// `PRETOKENIZE_REGEX` of `Qwen2Tokenizer`.
const QWEN2: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);

/// `PRETOKENIZE_REGEX` of `Qwen3_5Tokenizer`: combining marks are parts of words.
const QWEN35: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}",
    r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);

/// Cuts by a pattern and then writes bytes as characters.
fn split(pattern: &str, config: &TokenizerConfig) -> Value {
    let pattern = json!({"Regex": pattern});
    let cut = json!({
        "type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": false,
    });
    let bytes = byte_level(config.flag("add_prefix_space", false), false);
    json!({"type": "Sequence", "pretokenizers": [cut, bytes]})
}

/// Cuts as GPT-2 does.
fn gpt2(config: &TokenizerConfig) -> Value {
    byte_level(config.flag("add_prefix_space", false), true)
}

fn byte_level(add_prefix_space: bool, use_regex: bool) -> Value {
    json!({
        "type": "ByteLevel", "add_prefix_space": add_prefix_space, "trim_offsets": true,
        "use_regex": use_regex,
    })
}

fn metaspace(prepend_scheme: &str) -> Value {
    json!({
        "type": "Metaspace", "replacement": "▁", "prepend_scheme": prepend_scheme,
        "split": false,
    })
}

fn pieces_decoder(strips: bool) -> Value {
    let replace = json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "});
    let mut steps = vec![
        replace,
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    if strips {
        steps.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    json!({"type": "Sequence", "decoders": steps})
}

/// What the kind of a model says of its class.
enum Family {
    /// Nothing.
    Unknown,
    /// The class, where no other is named. A name counts only if this is not [`Class::File`].
    Default(Class),
    /// The class, whatever is named: published folders name wrong ones.
    Decides(Class),
}

impl Family {
    fn of(model_type: &str) -> Self {
        match model_type {
            "qwen2" => Self::Decides(Class::Qwen2),
            "qwen3_5" | "qwen3_5_moe" | "qwen3_5_moe_text" => Self::Decides(Class::Qwen35),
            "phi3" => Self::Decides(Class::File),
            "qwen3" | "qwen3_moe" | "qwen3_vl" | "qwen3_vl_moe" => Self::Default(Class::Qwen2),
            "qwen3_5_text" => Self::Default(Class::Qwen35),
            "gemma" | "gemma2" | "gemma3" | "gemma3_text" => Self::Default(Class::Gemma),
            "granite" | "olmo2" | "olmo3" | "mistral" | "mistral3" | "ministral" | "ministral3" => {
                Self::Default(Class::File)
            }
            _ => Self::Unknown,
        }
    }

    fn is_known(&self) -> bool {
        !matches!(self, Self::Unknown)
    }

    fn is_decisive(&self) -> bool {
        matches!(self, Self::Decides(_))
    }

    fn class(&self) -> Class {
        match self {
            Self::Unknown => Class::File,
            Self::Default(class) | Self::Decides(class) => *class,
        }
    }
}

/// Names of the class that reads `tokenizer.json` as it is.
const GENERIC: &[&str] = &["PreTrainedTokenizer", "TokenizersBackend"];

/// Classes of transformers that neither read `tokenizer.json` as it is nor are in [`Class`].
const UNSUPPORTED: &[&str] = &[
    "AlbertTokenizer",
    "BartTokenizer",
    "BarthezTokenizer",
    "BartphoTokenizer",
    "BertGenerationTokenizer",
    "BertJapaneseTokenizer",
    "BertTokenizer",
    "BertweetTokenizer",
    "BigBirdTokenizer",
    "BioGptTokenizer",
    "BlenderbotSmallTokenizer",
    "BlenderbotTokenizer",
    "ByT5Tokenizer",
    "CLIPTokenizer",
    "CTRLTokenizer",
    "CamembertTokenizer",
    "CanineTokenizer",
    "ClvpTokenizer",
    "ConvBertTokenizer",
    "CpmAntTokenizer",
    "CpmTokenizer",
    "DPRContextEncoderTokenizer",
    "DPRQuestionEncoderTokenizer",
    "DPRReaderTokenizer",
    "DebertaTokenizer",
    "DebertaV2Tokenizer",
    "DiaTokenizer",
    "DistilBertTokenizer",
    "EsmTokenizer",
    "EsmcTokenizer",
    "FNetTokenizer",
    "FSMTTokenizer",
    "FastSpeech2ConformerTokenizer",
    "FlaubertTokenizer",
    "FunnelTokenizer",
    "GPTNeoXJapaneseTokenizer",
    "GPTSw3Tokenizer",
    "HerbertTokenizer",
    "LasrTokenizer",
    "LayoutLMv2Tokenizer",
    "LayoutLMv3Tokenizer",
    "LayoutXLMTokenizer",
    "LukeTokenizer",
    "M2M100Tokenizer",
    "MBart50Tokenizer",
    "MBartTokenizer",
    "MLukeTokenizer",
    "MPNetTokenizer",
    "MarianTokenizer",
    "MarkupLMTokenizer",
    "MgpstrTokenizer",
    "MobileBertTokenizer",
    "MyT5Tokenizer",
    "NllbTokenizer",
    "NougatTokenizer",
    "OpenAIGPTTokenizer",
    "PLBartTokenizer",
    "PegasusTokenizer",
    "PerceiverTokenizer",
    "PhobertTokenizer",
    "ProphetNetTokenizer",
    "ReformerTokenizer",
    "RemBertTokenizer",
    "RoCBertTokenizer",
    "RoFormerTokenizer",
    "RobertaTokenizer",
    "SeamlessM4TTokenizer",
    "Siglip2Tokenizer",
    "SiglipTokenizer",
    "Speech2TextTokenizer",
    "SpeechT5Tokenizer",
    "SplinterTokenizer",
    "SqueezeBertTokenizer",
    "T5Tokenizer",
    "TapasTokenizer",
    "Tipsv2Tokenizer",
    "UdopTokenizer",
    "VideoPrismTokenizer",
    "VitsTokenizer",
    "Wav2Vec2CTCTokenizer",
    "Wav2Vec2PhonemeCTCTokenizer",
    "WhisperTokenizer",
    "XGLMTokenizer",
    "XLMRobertaTokenizer",
    "XLMTokenizer",
    "XLNetTokenizer",
];

//! The tokenizer of the bundled model: whole words, single digits, single signs.

use anyhow::{Result, anyhow};
use tokenizers::decoders::byte_level::ByteLevel;
use tokenizers::models::TrainerWrapper;
use tokenizers::models::wordlevel::{WordLevel, WordLevelTrainer};
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{AddedToken, SplitDelimiterBehavior, Tokenizer};

/// Separates documents: the first token of each, and the one that ends it.
pub(crate) const END_OF_TEXT: &str = "<|endoftext|>";
const UNKNOWN: &str = "<|unknown|>";

/// Words with the space before them, digits and signs one by one, `\boxed{` and `\frac{` whole.
const PIECES: &str = r"\\[a-z]+\{|\}\{| ?[A-Za-z]+|[0-9]| ?[^\sA-Za-z0-9]|\s";

/// Learns the vocabulary of `documents`.
pub(crate) fn train(documents: impl Iterator<Item = String> + Send) -> Result<Tokenizer> {
    let failed = |error: tokenizers::Error| anyhow!("cannot train the tokenizer: {error}");
    let model = WordLevel::builder()
        .unk_token(UNKNOWN.to_owned())
        .build()
        .map_err(failed)?;
    let mut tokenizer = Tokenizer::new(model);
    let split = Split::new(
        SplitPattern::Regex(PIECES.to_owned()),
        SplitDelimiterBehavior::Isolated,
        false,
    );
    // ByteLevel spells spaces and line breaks as visible letters, and its decoder turns them back.
    let bytes = ByteLevel::new(false, false, false);
    tokenizer.with_pre_tokenizer(Some(Sequence::new(vec![
        split.map_err(failed)?.into(),
        bytes.into(),
    ])));
    tokenizer.with_decoder(Some(bytes));
    let special = [END_OF_TEXT, UNKNOWN].map(|token| AddedToken::from(token, true));
    let trainer = WordLevelTrainer::builder()
        .show_progress(false)
        .special_tokens(special.to_vec())
        .build()?;
    tokenizer
        .train(&mut TrainerWrapper::from(trainer), documents)
        .map_err(failed)?;
    let begin = TemplateProcessing::builder()
        .try_single(format!("{END_OF_TEXT} $A"))
        .map_err(|error| anyhow!(error))?
        .special_tokens(vec![(END_OF_TEXT, 0)])
        .build()?;
    tokenizer.with_post_processor(Some(begin));
    Ok(tokenizer)
}

//! Text that appears token by token.

use super::{Tokenizer, TokenizerError};

/// Decodes a completion while it is sampled.
///
/// A token may end in the middle of a character, which tokenizers decode as U+FFFD. Such an end is
/// held back until the tokens after it complete the character.
#[derive(Debug)]
pub struct TextStream<'a> {
    tokenizer: &'a Tokenizer,
    tokens: Vec<u32>,
    /// The text that was given out.
    given: String,
}

impl<'a> TextStream<'a> {
    /// The stream of a completion that has no token yet.
    pub fn new(tokenizer: &'a Tokenizer) -> Self {
        Self {
            tokenizer,
            tokens: vec![],
            given: String::new(),
        }
    }

    /// Takes the next token, and returns the text that is complete now and was not before.
    ///
    /// # Errors
    ///
    /// The tokens cannot be decoded.
    pub fn push(&mut self, token: u32) -> Result<String, TokenizerError> {
        self.tokens.push(token);
        let text = self.tokenizer.decode(&self.tokens)?;
        Ok(self.rest(text.trim_end_matches('\u{fffd}')))
    }

    /// The text that was held back.
    ///
    /// # Errors
    ///
    /// The tokens cannot be decoded.
    pub fn finish(mut self) -> Result<String, TokenizerError> {
        let text = self.tokenizer.decode(&self.tokens)?;
        Ok(self.rest(&text))
    }

    /// What `text` has beyond what was given out. Text that changed under way waits.
    fn rest(&mut self, text: &str) -> String {
        let Some(rest) = text.strip_prefix(self.given.as_str()) else {
            return String::new();
        };
        let rest = rest.to_owned();
        self.given += &rest;
        rest
    }
}

//! Why a template could not be read or rendered.

/// Why a template could not be read or rendered.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    #[error("line {line}: {message}")]
    Syntax { line: usize, message: String },
    #[error("line {line}: {message}")]
    Render { line: usize, message: String },
    #[error("{message}")]
    Raised { message: String },
    #[error("the template takes too long, or its text grows without limit")]
    Limit,
}

impl Error {
    /// The template is not valid Jinja.
    pub(crate) fn syntax(line: usize, message: impl Into<String>) -> Self {
        let message = message.into();
        Self::Syntax { line, message }
    }

    /// An operation fails, in a line that [`Self::at`] adds.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        let message = message.into();
        Self::Render { line: 0, message }
    }

    /// The same error with the line where it came up, unless it has one.
    pub(crate) fn at(mut self, at: usize) -> Self {
        if let Self::Render { line, .. } = &mut self
            && *line == 0
        {
            *line = at;
        }
        self
    }
}

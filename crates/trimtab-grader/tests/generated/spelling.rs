//! A way to write a value.

/// Where a spelling may stand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    /// In prose and in formulas.
    Plain,
    /// In formulas only.
    Tex,
    /// In prose only.
    Prose,
}

/// A value in writing.
#[derive(Clone, Debug)]
pub(crate) struct Spelling {
    pub(crate) text: String,
    pub(crate) mode: Mode,
    /// Gold answers are not written so.
    pub(crate) rare: bool,
}

/// The ways to write a value, each with the name of what is special about it.
#[derive(Default)]
pub(crate) struct Spellings(pub(crate) Vec<(&'static str, Spelling)>);

impl Spellings {
    fn add(&mut self, part: &'static str, text: impl Into<String>, mode: Mode, rare: bool) {
        self.0.push((
            part,
            Spelling {
                text: text.into(),
                mode,
                rare,
            },
        ));
    }

    pub(crate) fn plain(&mut self, part: &'static str, text: impl Into<String>) {
        self.add(part, text, Mode::Plain, false);
    }

    pub(crate) fn tex(&mut self, part: &'static str, text: impl Into<String>) {
        self.add(part, text, Mode::Tex, false);
    }

    /// Plain, but not in a gold answer.
    pub(crate) fn rare(&mut self, part: &'static str, text: impl Into<String>) {
        self.add(part, text, Mode::Plain, true);
    }

    pub(crate) fn rare_tex(&mut self, part: &'static str, text: impl Into<String>) {
        self.add(part, text, Mode::Tex, true);
    }

    pub(crate) fn prose(&mut self, part: &'static str, text: impl Into<String>) {
        self.add(part, text, Mode::Prose, true);
    }

    /// In prose only, and in gold answers.
    pub(crate) fn gold_prose(&mut self, part: &'static str, text: impl Into<String>) {
        self.add(part, text, Mode::Prose, false);
    }
}

//! The choices that make a row: read from a list, then drawn at random.

/// What the choices of a section are about.
#[derive(Clone, Copy)]
pub(crate) enum Section {
    Label,
    Value,
    Gold,
    Spelling,
    Name,
    Dress,
    Noise,
    Sentence,
    Frame,
    Text,
    GoldDress,
}

/// The choices that a section may read. Sections start at fixed places, so that another choice in
/// one leaves the others as they are.
const SECTION: usize = 32;

/// A list of choices with a generator behind it. The same choices make the same row.
pub(crate) struct Tape {
    choices: Vec<u32>,
    read: usize,
    random: Option<u64>,
    parts: Vec<&'static str>,
}

impl Tape {
    /// Draws every choice from a seed.
    pub(crate) fn random(seed: u64) -> Self {
        Self {
            choices: Vec::new(),
            read: 0,
            random: Some(seed),
            parts: Vec::new(),
        }
    }

    /// Reads these choices, and zeros after them. Zero is the plainest choice everywhere.
    pub(crate) fn replay(choices: Vec<u32>) -> Self {
        Self {
            choices,
            read: 0,
            random: None,
            parts: Vec::new(),
        }
    }

    /// The choices that were read.
    pub(crate) fn into_choices(mut self) -> Vec<u32> {
        self.choices.truncate(self.read);
        while self.choices.last() == Some(&0) {
            self.choices.pop();
        }
        self.choices
    }

    /// Reads the choices of this section from now on.
    pub(crate) fn section(&mut self, section: Section) {
        let start = section as usize * SECTION;
        assert!(self.read <= start, "the section before is too long");
        self.read = start;
    }

    /// One of `0..count`.
    pub(crate) fn pick(&mut self, count: usize) -> usize {
        if self.read >= self.choices.len() {
            let drawn = self
                .random
                .as_mut()
                .map_or(0, |state| next(state) as usize % count);
            self.choices.resize(self.read, 0);
            self.choices.push(drawn as u32);
        }
        let choice = self.choices[self.read] as usize % count;
        self.read += 1;
        choice
    }

    /// True once in `times`, and never when the choice is the plainest.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.pick(times) + 1 == times
    }

    /// A number of `low..=high`; the plainest is `low`.
    pub(crate) fn number(&mut self, low: i64, high: i64) -> i64 {
        low + self.pick((high - low + 1) as usize) as i64
    }

    /// One of the items.
    pub(crate) fn item<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.pick(items.len())]
    }

    /// One of the named items, whose name becomes a part of the row unless it is the first.
    pub(crate) fn part<T>(&mut self, mut items: Vec<(&'static str, T)>) -> T {
        let index = self.pick(items.len());
        if index > 0 {
            self.note(items[index].0);
        }
        items.swap_remove(index).1
    }

    /// Adds a name to the parts of the row.
    pub(crate) fn note(&mut self, part: &'static str) {
        if !part.is_empty() {
            self.parts.push(part);
        }
    }

    /// The names of what made the row so far.
    pub(crate) fn parts(&self) -> &[&'static str] {
        &self.parts
    }
}

/// The next number of a splitmix64 sequence, of which the upper half is used.
pub(crate) fn next(state: &mut u64) -> u32 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut bits = *state;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((bits ^ (bits >> 31)) >> 32) as u32
}

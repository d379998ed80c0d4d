//! Word problems from templates with varying names and numbers, similar to GSM-Symbolic
//! (arXiv:2410.05229).
//!
//! A story has a start, some events that change a count, and a question. Levels 1 to 3 have 2, 4
//! and 6 steps. Level 4 adds two irrelevant sentences with numbers. Level 5 has ten steps, three
//! irrelevant sentences, and numbers ten times as large.

use trimtab_grader::Verifier;

use super::Generated;
use crate::nano::gsm::PEOPLE;
use crate::rng::Rng;

/// Place, verb, containers and things of a story.
const SETTINGS: [[&str; 4]; 8] = [
    ["bakery", "bakes", "trays", "rolls"],
    ["pottery", "makes", "shelves", "bowls"],
    ["nursery", "grows", "rows", "tulips"],
    ["workshop", "builds", "crates", "lamps"],
    ["print shop", "prints", "stacks", "posters"],
    ["farm", "packs", "boxes", "eggs"],
    ["dairy", "fills", "racks", "bottles"],
    ["library", "sorts", "carts", "books"],
];

/// Irrelevant sentences.
const ASIDES: [&str; 6] = [
    "{Friend} has worked there for {k} years.",
    "The {place} is {k} metres from the station.",
    "Last year {Name} had {k} visitors in one week.",
    "The radio in the {place} plays {k} songs.",
    "{Friend} paid {k} dollars for a new coat.",
    "The building is {k} years old.",
];

const MORE: [&str; 3] = [
    "Then {Friend} brings {k} more.",
    "A delivery adds {k} {things}.",
    "{Name} finds another {k} {things} in the back room.",
];

const FEWER: [&str; 3] = [
    "{k} of them are damaged and thrown away.",
    "A customer takes {k} {things}.",
    "{Name} gives {k} {things} to {Friend}.",
];

const TIMES: [&str; 2] = [
    "By the next day the number of {things} has become {k} times as large.",
    "After a good week there are {k} times as many {things}.",
];

const SHARE: [&str; 2] = [
    "The {things} are then shared equally among {k} shops, and only the share of one shop is \
     looked at from here on.",
    "Only one out of every {k} {things} is kept.",
];

/// Generates a problem with the number of steps of the level.
pub(super) fn generate(rng: &mut Rng, level: u8) -> Generated {
    let (steps, asides, scale) = match level {
        1 => (2, 0, 1),
        2 => (4, 0, 1),
        3 => (6, 0, 1),
        4 => (6, 2, 1),
        _ => (10, 3, 10),
    };
    let name = rng.below(PEOPLE.len());
    let friend = (name + 1 + rng.below(PEOPLE.len() - 1)) % PEOPLE.len();
    let mut story = Story {
        name: PEOPLE[name].0,
        friend: PEOPLE[friend].0,
        setting: rng.below(SETTINGS.len()),
        value: 0,
        signature: String::new(),
        sentences: Vec::new(),
        steps: Vec::new(),
    };
    story.start(rng, scale);
    while story.steps.len() < steps - 1 {
        story.event(rng, scale);
    }
    let question = story.ending(rng);
    for _ in 0..asides {
        let at = 1 + rng.below(story.sentences.len());
        let aside = rng.pick(&ASIDES);
        let k = rng.range(2, 60);
        story.signature += &format!("aside {at} {k}|");
        story.sentences.insert(at, story.told(aside, k));
    }
    story.sentences.push(question);
    Generated {
        signature: story.signature,
        template: SETTINGS[story.setting][0].to_owned(),
        question: story.sentences.join(" "),
        answer: story.value.to_string(),
        steps: story.steps,
        verifier: Verifier::Numbers,
    }
}

struct Story {
    name: &'static str,
    friend: &'static str,
    setting: usize,
    value: i64,
    signature: String,
    sentences: Vec<String>,
    steps: Vec<String>,
}

impl Story {
    /// The first step: containers times content.
    fn start(&mut self, rng: &mut Rng, scale: i64) {
        let (count, each) = (rng.range(3, 12 * scale), rng.range(4, 25));
        let [place, verb, containers, things] = SETTINGS[self.setting];
        self.sentences.push(format!(
            "{} {verb} {count} {containers} of {each} {things} in the {place}.",
            self.name
        ));
        self.signature += &format!("start{} {count} {each}|", self.setting);
        self.value = count;
        self.step('*', each);
    }

    /// Adds an event of one step. All values are positive whole numbers below a hundred thousand.
    fn event(&mut self, rng: &mut Rng, scale: i64) {
        let value = self.value;
        let (sign, k) = loop {
            let (small, factor) = (rng.range(2, 40 * scale), rng.range(2, 6));
            match rng.weighted(&[4, 4, 2, 2]) {
                0 => break ('+', small),
                1 if value > small => break ('-', small),
                2 if value * factor < 1000 * scale => break ('*', factor),
                3 if value % factor == 0 && value > factor => break ('/', factor),
                _ => {}
            }
        };
        let templates: &[&str] = match sign {
            '+' => &MORE,
            '-' => &FEWER,
            '*' => &TIMES,
            _ => &SHARE,
        };
        let template = rng.pick(templates);
        self.sentences.push(self.told(template, k));
        self.signature += &format!("{sign} {k}|");
        self.step(sign, k);
    }

    /// Adds the last step. Returns the question for it.
    fn ending(&mut self, rng: &mut Rng) -> String {
        let things = SETTINGS[self.setting][3];
        let k = rng.range(2, 9);
        let (sign, question) = if self.value % k == 0 && self.value > k {
            let question = format!(
                "{} packs all the {things} that there are now into boxes of {k}. How many boxes \
                 are needed?",
                self.name
            );
            ('/', question)
        } else {
            let question = format!(
                "{} sells each of the {things} that there are now for {k} dollars. How many \
                 dollars is that in all?",
                self.name
            );
            ('*', question)
        };
        self.signature += &format!("end{sign} {k}|");
        self.step(sign, k);
        question
    }

    fn step(&mut self, sign: char, operand: i64) {
        let before = self.value;
        self.value = match sign {
            '+' => before + operand,
            '-' => before - operand,
            '*' => before * operand,
            _ => before / operand,
        };
        self.steps
            .push(format!("{before}{sign}{operand}={}", self.value));
    }

    fn told(&self, template: &str, k: i64) -> String {
        let [place, _, _, things] = SETTINGS[self.setting];
        template
            .replace("{Name}", self.name)
            .replace("{Friend}", self.friend)
            .replace("{place}", place)
            .replace("{things}", things)
            .replace("{k}", &k.to_string())
    }
}

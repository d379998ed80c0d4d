//! nano-gsm: word problems of 2 to 5 steps, similar to GSM8K.
//!
//! A story has a start, some events that change a count, and a question. All values are from 1 to
//! 99, so that a small model can memorize the arithmetic, and the task measures whether it shows
//! its work.

use super::GeneratedProblem;
use crate::rng::Rng;

/// Largest value that any step may reach.
pub(crate) const MAX_VALUE: i64 = 99;

pub(crate) const PEOPLE: [(&str, &str, &str); 16] = [
    ("Tom", "he", "him"),
    ("Anna", "she", "her"),
    ("Ben", "he", "him"),
    ("Clara", "she", "her"),
    ("David", "he", "him"),
    ("Emma", "she", "her"),
    ("Felix", "he", "him"),
    ("Grace", "she", "her"),
    ("Hugo", "he", "him"),
    ("Ida", "she", "her"),
    ("Jack", "he", "him"),
    ("Kate", "she", "her"),
    ("Leo", "he", "him"),
    ("Mia", "she", "her"),
    ("Noah", "he", "him"),
    ("Olga", "she", "her"),
];

pub(crate) const THINGS: [&str; 20] = [
    "apples", "pears", "plums", "cherries", "lemons", "books", "pencils", "stamps", "coins",
    "shells", "stones", "marbles", "cards", "stickers", "buttons", "candles", "cookies", "flowers",
    "balloons", "toys",
];

const STARTS: [&str; 7] = [
    "{Name} has {v} {things}.",
    "{Name} starts with {v} {things}.",
    "In the morning {Name} has {v} {things}.",
    "At first {Name} has {v} {things}.",
    "{Name} owns {v} {things}.",
    "{Name} counts {v} {things} at home.",
    "{Name} opens a box with {v} {things}.",
];

const GAINS: [&str; 7] = [
    "{He} buys {k} more.",
    "{Friend} gives {him} {k} more.",
    "Then {he} finds {k} more.",
    "{He} gets {k} {things} from {Friend}.",
    "After lunch {he} gets {k} more.",
    "{Friend} brings {k} {things} for {him}.",
    "Later {he} wins {k} {things}.",
];

const LOSSES: [&str; 7] = [
    "{He} gives {k} of them to {Friend}.",
    "{He} loses {k} of them.",
    "Then {he} sells {k} {things}.",
    "{Friend} takes {k} of them.",
    "Later {he} leaves {k} {things} at school.",
    "{He} needs {k} {things} for a gift.",
    "After that {k} of them are gone.",
];

const PRODUCTS: [&str; 4] = [
    "Then the number becomes {k} times as large.",
    "Soon {he} has {k} times as many.",
    "{He} trades and gets {k} times as many.",
    "With help from {Friend} {he} makes it {k} times as many.",
];

const QUOTIENTS: [&str; 4] = [
    "{He} puts them into {k} equal boxes and keeps one box.",
    "{He} splits them into {k} equal parts and keeps one part.",
    "{k} friends share them equally and {Name} is one of them.",
    "{He} packs {k} equal bags and keeps only one bag.",
];

const PACKS_IN: [&str; 3] = [
    "{He} buys {k} bags with {m} {things} each.",
    "{Friend} brings {k} boxes of {m} {things}.",
    "Then {he} finds {k} bags with {m} in each bag.",
];

const PACKS_OUT: [&str; 3] = [
    "{He} sells {k} bags with {m} {things} each.",
    "{Friend} takes {k} boxes of {m} {things}.",
    "Then {he} gives away {k} bags with {m} in each bag.",
];

const QUESTIONS: [&str; 5] = [
    "How many {things} does {Name} have now?",
    "How many {things} does {he} have in the end?",
    "How many are left?",
    "What is the number of {things} now?",
    "How many {things} are there now?",
];

const COMPARISONS: [&str; 2] = [
    "{Friend} has {k} more {things} than {Name}. How many do they have together?",
    "{Friend} has {k} more than {him}. How many {things} do both have together?",
];

const PRICES: [&str; 2] = [
    "{He} sells all of them for {k} dollars each. How many dollars does {he} get?",
    "Each of them costs {k} dollars. How many dollars is that in all?",
];

/// Generates a problem of 2 to 5 steps.
pub(super) fn generate(rng: &mut Rng) -> GeneratedProblem {
    let name = rng.below(PEOPLE.len());
    let friend = (name + 1 + rng.below(PEOPLE.len() - 1)) % PEOPLE.len();
    let mut story = Story {
        name: PEOPLE[name],
        friend: PEOPLE[friend].0,
        things: rng.pick(&THINGS),
        value: rng.range(2, 30),
        signature: String::new(),
        sentences: Vec::new(),
        steps: Vec::new(),
    };
    let wanted = 2 + rng.below(4);
    story.tell(rng, "start", &STARTS, story.value, 0);
    // The question may add the last one or two steps.
    let ending = rng.weighted(&[6, 2, 2]);
    let before = wanted - [0, 2, 1][ending];
    while story.steps.len() < before {
        story.event(rng, before - story.steps.len());
    }
    let ended = match ending {
        1 => story.comparison(rng),
        2 => story.price(rng),
        _ => false,
    };
    if !ended {
        while story.steps.len() < wanted {
            story.event(rng, wanted - story.steps.len());
        }
        story.tell(rng, "question", &QUESTIONS, 0, 0);
    }
    GeneratedProblem {
        signature: story.signature,
        question: story.sentences.join(" "),
        answer: story.value.to_string(),
        steps: story.steps,
    }
}

struct Story {
    name: (&'static str, &'static str, &'static str),
    friend: &'static str,
    things: &'static str,
    value: i64,
    signature: String,
    sentences: Vec<String>,
    steps: Vec<String>,
}

impl Story {
    /// Adds an event of one step, or of two if `room` allows it.
    fn event(&mut self, rng: &mut Rng, room: usize) {
        let value = self.value;
        loop {
            match rng.weighted(&[5, 5, 3, 3, 2, 2]) {
                0 if value <= MAX_VALUE - 2 => {
                    let k = rng.range(2, (MAX_VALUE - value).min(20));
                    self.tell(rng, "gain", &GAINS, k, 0);
                    return self.step('+', k);
                }
                1 if value >= 3 => {
                    let k = rng.range(2, (value - 1).min(20));
                    self.tell(rng, "loss", &LOSSES, k, 0);
                    return self.step('-', k);
                }
                2 if value * 2 <= MAX_VALUE => {
                    let k = rng.range(2, (MAX_VALUE / value).min(5));
                    self.tell(rng, "product", &PRODUCTS, k, 0);
                    return self.step('*', k);
                }
                3 => {
                    let k = rng.range(2, 5);
                    if value % k == 0 && value > k {
                        self.tell(rng, "quotient", &QUOTIENTS, k, 0);
                        return self.step('/', k);
                    }
                }
                pack @ (4 | 5) if room >= 2 => {
                    let (k, m) = (rng.range(2, 6), rng.range(2, 9));
                    let (kind, templates, sign, after) = if pack == 4 {
                        ("packs-in", &PACKS_IN, '+', value + k * m)
                    } else {
                        ("packs-out", &PACKS_OUT, '-', value - k * m)
                    };
                    if (1..=MAX_VALUE).contains(&after) {
                        self.tell(rng, kind, templates, k, m);
                        self.steps.push(format!("{k}*{m}={}", k * m));
                        return self.step(sign, k * m);
                    }
                }
                _ => {}
            }
        }
    }

    /// Ends with a question about two people (two steps), if the numbers allow it.
    fn comparison(&mut self, rng: &mut Rng) -> bool {
        let k = rng.range(2, 12);
        let other = self.value + k;
        if self.value + other > MAX_VALUE {
            return false;
        }
        self.tell(rng, "comparison", &COMPARISONS, k, 0);
        self.steps.push(format!("{}+{k}={other}", self.value));
        self.step('+', other);
        true
    }

    /// Ends with a question about money (one step), if the numbers allow it.
    fn price(&mut self, rng: &mut Rng) -> bool {
        let k = rng.range(2, 5);
        if self.value * k > MAX_VALUE {
            return false;
        }
        self.tell(rng, "price", &PRICES, k, 0);
        self.step('*', k);
        true
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

    fn tell(&mut self, rng: &mut Rng, kind: &str, templates: &[&str], k: i64, m: i64) {
        let template = rng.below(templates.len());
        self.signature += &format!("{kind}{template} {k} {m}|");
        let (name, he, him) = self.name;
        let mut sentence = templates[template]
            .replace("{Name}", name)
            .replace("{Friend}", self.friend)
            .replace("{He}", &capitalised(he))
            .replace("{he}", he)
            .replace("{him}", him)
            .replace("{things}", self.things)
            .replace("{v}", &k.to_string())
            .replace("{k}", &k.to_string());
        sentence = sentence.replace("{m}", &m.to_string());
        self.sentences.push(sentence);
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

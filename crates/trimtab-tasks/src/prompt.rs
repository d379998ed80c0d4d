//! Prompt templates: from a question to the text for a model.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::problem::Problem;
use crate::rng::Rng;

/// A prompt template.
///
/// Record its name and [`sha256`](Template::sha256) with every result: two runs can only be
/// compared if both agree.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Template {
    /// For the bundled model: `Problem: {question}\nAnswer:`.
    Nano,
    /// The question alone.
    Plain,
    /// Question, instruction and `Answer:`, without examples.
    ZeroShot,
    /// For Qwen base models: the instruction, then `User:` and `Assistant:` (code of
    /// arXiv:2505.18706).
    QwenMath,
    /// For other base models: think and answer tags (arXiv:2501.12948, table 1, with the text of
    /// sail-sg/understand-r1-zero: evaluate_model.py at dfca49dd460e).
    R1,
    /// For the model's own chat template: the instruction as system message and the question as
    /// user message.
    Chat,
    /// Worked examples before the question.
    FewShot(FewShot),
}

/// A prompt for a model.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Prompt {
    /// Text to complete, without the beginning-of-text token.
    Text(String),
    /// Messages for the model's chat template.
    Chat(Vec<PromptMessage>),
}

/// A message for a chat template.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct PromptMessage {
    /// `system` or `user`.
    pub role: String,
    /// The text.
    pub content: String,
}

const INSTRUCTION: &str = r"Please reason step by step, and put your final answer within \boxed{}.";

impl Template {
    /// The templates without examples.
    pub const ALL: [Self; 6] = [
        Self::Nano,
        Self::Plain,
        Self::ZeroShot,
        Self::QwenMath,
        Self::R1,
        Self::Chat,
    ];

    /// The name in flags, files and reports, such as `qwen_math` or `gsm8k-train_8shot_seed0`.
    pub fn name(&self) -> String {
        match self {
            Self::Nano => "nano".to_owned(),
            Self::Plain => "plain".to_owned(),
            Self::ZeroShot => "zero_shot".to_owned(),
            Self::QwenMath => "qwen_math".to_owned(),
            Self::R1 => "r1".to_owned(),
            Self::Chat => "chat".to_owned(),
            Self::FewShot(few) => {
                format!("{}_{}shot_seed{}", few.source, few.shots.len(), few.seed)
            }
        }
    }

    /// The exact prompt of a question.
    ///
    /// ```
    /// use trimtab_tasks::{Prompt, Template};
    ///
    /// let prompt = Template::QwenMath.render("What is 2 + 3?");
    /// let Prompt::Text(text) = prompt else { unreachable!("qwen_math is text") };
    /// assert!(text.ends_with("\n\nUser: What is 2 + 3? Assistant:"));
    /// ```
    pub fn render(&self, question: &str) -> Prompt {
        Prompt::Text(match self {
            Self::Nano => format!("Problem: {question}\nAnswer:"),
            Self::Plain => question.to_owned(),
            Self::ZeroShot => format!("Question: {question}\n{INSTRUCTION}\nAnswer:"),
            Self::QwenMath => format!(
                "A conversation between User and Assistant. The user asks a question, and the \
                 Assistant solves it. {INSTRUCTION}\n\nUser: {question} Assistant:"
            ),
            Self::R1 => format!(
                "A conversation between User and Assistant. The User asks a question, and the \
                 Assistant solves it. The Assistant first thinks about the reasoning process in \
                 the mind and then provides the User with the answer. The reasoning process is \
                 enclosed within <think> </think> and answer is enclosed within <answer> </answer> \
                 tags, respectively, i.e., <think> reasoning process here </think> <answer> answer \
                 here </answer>.\nUser: {question}\nAssistant: <think>"
            ),
            Self::Chat => {
                return Prompt::Chat(
                    [("system", INSTRUCTION), ("user", question)]
                        .map(|(role, content)| PromptMessage {
                            role: role.to_owned(),
                            content: content.to_owned(),
                        })
                        .into(),
                );
            }
            Self::FewShot(few) => few.render(question),
        })
    }

    /// The template with `{question}` in place of the question. Messages are given as JSON.
    pub fn pattern(&self) -> String {
        match self.render("{question}") {
            Prompt::Text(text) => text,
            Prompt::Chat(messages) => serde_json::to_string(&messages).expect("texts are JSON"),
        }
    }

    /// Texts that end a completion. Without them, a base model continues with a question of its
    /// own.
    pub fn stop(&self) -> &'static [&'static str] {
        match self {
            Self::ZeroShot | Self::FewShot(_) => &["\nQuestion:"],
            Self::Nano | Self::Plain | Self::QwenMath | Self::R1 | Self::Chat => &[],
        }
    }

    /// SHA-256 in hexadecimal of the template filled with `{question}`, as JSON.
    pub fn sha256(&self) -> String {
        let rendered = serde_json::to_vec(&self.render("{question}")).expect("texts are JSON");
        format!("{:x}", Sha256::digest(rendered))
    }
}

impl std::str::FromStr for Template {
    type Err = UnknownTemplate;

    fn from_str(name: &str) -> Result<Self, UnknownTemplate> {
        Self::ALL
            .into_iter()
            .find(|template| template.name() == name)
            .ok_or_else(|| UnknownTemplate(name.to_owned()))
    }
}

/// The name is not that of a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no template `{0}`; there are nano, plain, zero_shot, qwen_math, r1 and chat")]
pub struct UnknownTemplate(String);

/// Worked examples from a training set.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct FewShot {
    source: String,
    seed: u64,
    /// `Question: …\nAnswer: …`.
    shots: Vec<String>,
}

/// Address of the choice of examples.
const SHOTS: u64 = 1 << 35;

impl FewShot {
    /// Samples `count` different problems with worked solutions from `train`, which `source` names.
    /// Takes all of them if there are fewer.
    ///
    /// A solution is given as its steps, then the gold answer in a box, where the grader looks
    /// first. The usual setting for GSM8K is 8 shots (arXiv:2201.11903).
    ///
    /// ```no_run
    /// use trimtab_tasks::dataset::{Dataset, MalformedRows};
    /// use trimtab_tasks::prompt::{FewShot, Template};
    ///
    /// let path = "gsm8k_train.jsonl".as_ref();
    /// let train = Dataset::named("gsm8k-train")?.load(path, MalformedRows::Refuse)?;
    /// let template = Template::FewShot(FewShot::sample("gsm8k-train", &train.problems, 8, 0));
    /// assert_eq!(template.name(), "gsm8k-train_8shot_seed0");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sample(source: &str, train: &[Problem], count: usize, seed: u64) -> Self {
        let mut worked: Vec<&Problem> = train
            .iter()
            .filter(|problem| !problem.steps.is_empty())
            .collect();
        let mut rng = Rng::at([seed, SHOTS, 0, 0]);
        let shots = (0..count.min(worked.len()))
            .map(|_| {
                let problem = worked.swap_remove(rng.below(worked.len()));
                format!(
                    "Question: {}\nAnswer: {}\nThe final answer is \\boxed{{{}}}.",
                    problem.question,
                    problem.steps.join("\n"),
                    problem.answer
                )
            })
            .collect();
        Self {
            source: source.to_owned(),
            seed,
            shots,
        }
    }

    fn render(&self, question: &str) -> String {
        let shots: String = self
            .shots
            .iter()
            .map(|shot| format!("{shot}\n\n"))
            .collect();
        format!("{shots}Question: {question}\nAnswer:")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NanoTask, Split};

    fn text(template: &Template) -> String {
        match template.render("Q?") {
            Prompt::Text(text) => text,
            Prompt::Chat(_) => panic!("{} is a chat template", template.name()),
        }
    }

    #[test]
    fn templates_are_these_texts() {
        assert_eq!(
            text(&Template::QwenMath),
            "A conversation between User and Assistant. The user asks a question, and the \
             Assistant solves it. Please reason step by step, and put your final answer within \
             \\boxed{}.\n\nUser: Q? Assistant:"
        );
        assert!(
            text(&Template::R1).ends_with("answer here </answer>.\nUser: Q?\nAssistant: <think>")
        );
        assert_eq!(
            text(&Template::ZeroShot),
            "Question: Q?\nPlease reason step by step, and put your final answer within \
             \\boxed{}.\nAnswer:"
        );
        let problem = NanoTask::Gsm.problem(Split::Train, 0, 0);
        let Prompt::Text(nano) = Template::Nano.render(&problem.question) else {
            panic!("nano is text");
        };
        assert_eq!(nano, problem.prompt());
        let chat = serde_json::to_string(&Template::Chat.render("Q?")).expect("JSON");
        assert_eq!(
            chat,
            [
                r#"{"chat":[{"role":"system","content":"Please reason step by step, and put your "#,
                r#"final answer within \\boxed{}."},{"role":"user","content":"Q?"}]}"#,
            ]
            .concat()
        );
    }

    /// Hashes in existing result files must keep their meaning.
    #[test]
    fn names_and_hashes_stay() {
        let hashes = Template::ALL.map(|template| template.sha256()[..8].to_owned());
        let expected = [
            "7fa401eb", "aa6df574", "ed5c121d", "59a36796", "73a564f9", "13a9c980",
        ];
        assert_eq!(hashes, expected);
        for template in Template::ALL {
            assert_eq!(template.name().parse(), Ok(template));
        }
        assert!("gpt".parse::<Template>().is_err());
    }

    #[test]
    fn shots_depend_on_the_seed_and_show_the_box() {
        let train: Vec<Problem> = (0..50)
            .map(|index| NanoTask::Gsm.problem(Split::Train, 0, index))
            .collect();
        let template = |seed| Template::FewShot(FewShot::sample("nano", &train, 8, seed));
        let prompt = text(&template(0));
        assert_eq!(prompt.matches("Question: ").count(), 9);
        assert_eq!(prompt.matches(r"The final answer is \boxed{").count(), 8);
        assert!(prompt.ends_with("\n\nQuestion: Q?\nAnswer:"));
        assert_eq!(template(0).sha256(), template(0).sha256());
        assert_ne!(template(0).sha256(), template(1).sha256());
        assert_eq!(template(1).name(), "nano_8shot_seed1");
        let few = FewShot::sample("nano", &train[..3], 8, 0);
        assert_eq!(few.shots.len(), 3);
    }
}

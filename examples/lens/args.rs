//! The flags of the program.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use trimtab::lens::{TokenGroup, VectorLensOptions, Vocabulary};
use trimtab::model::{ChatMessage, Pretrained, Site};
use trimtab::steer::SteeringSource;
use trimtab_examples::{ModelArgs, VectorsArgs, prompt_text};

/// Says what vectors and residual streams say: which tokens vectors raise and lower, and whether
/// random ones would; what each layer of a text would say next, and which part says it.
#[derive(Parser)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    #[command(flatten)]
    pub(crate) vectors: VectorsArgs,
    /// Layers whose vectors are read, separated by commas [default: all].
    #[arg(long, value_delimiter = ',', requires = "vectors")]
    pub(crate) layers: Option<Vec<usize>>,
    /// Measure the vectors on these prompts too, a text file with one prompt a line. Takes a pass
    /// over them for each layer and random direction.
    #[arg(long, value_name = "FILE", requires = "vectors")]
    pub(crate) prompts: Option<PathBuf>,
    /// Compare the vectors with these, with a LoRA folder or with a tuned checkpoint; may be given
    /// several times.
    #[arg(long, value_name = "FILE|DIR[@STRENGTH]", requires = "vectors")]
    pub(crate) compare: Vec<SteeringSource>,
    /// Follow the vectors of a training run through its checkpoints.
    #[arg(long, value_name = "DIR")]
    pub(crate) run: Option<PathBuf>,
    /// A text to read layer by layer; `\n` stands for a line break.
    #[arg(long, value_name = "TEXT")]
    pub(crate) prompt: Option<String>,
    /// Send prompts as a user's messages, through the model's chat template.
    #[arg(long)]
    pub(crate) chat: bool,
    /// Let the vectors act on the prompts that are read and patched. Then they may be a LoRA folder
    /// or a tuned checkpoint too.
    #[arg(long, requires_all = ["vectors", "prompt"])]
    pub(crate) steered: bool,
    /// Follow the rank and probability of this token, as `--follow " Paris"`; may be given several
    /// times.
    #[arg(long, value_name = "TOKEN", requires = "prompt")]
    pub(crate) follow: Vec<String>,
    /// Read the layers of the text through this tuned lens, which `tune_lens` makes.
    #[arg(long, value_name = "FILE", requires = "prompt")]
    pub(crate) tuned: Option<PathBuf>,
    /// Split the logit of this token after the text into what each layer and head adds.
    #[arg(long, value_name = "TOKEN", requires = "prompt")]
    pub(crate) answer: Option<String>,
    /// Subtract the logit of this token from that of the answer.
    #[arg(long, value_name = "TOKEN", requires = "answer")]
    pub(crate) against: Option<String>,
    /// A prompt of as many tokens that `--against` should follow: finds what carries the difference
    /// by activation patching.
    #[arg(long, value_name = "TEXT", requires = "against")]
    pub(crate) corrupted: Option<String>,
    /// Site that is patched.
    #[arg(
        long,
        default_value = "resid_post",
        requires = "corrupted",
        value_parser = site_parser()
    )]
    pub(crate) site: Site,
    /// Tokens of each list.
    #[arg(long, value_name = "K", default_value_t = 10)]
    pub(crate) top: usize,
    /// Random directions that vectors are compared with.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) draws: usize,
    /// The same for what is measured on prompts.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) measured_draws: usize,
    /// A group of tokens to look at, with a file of its words, one a line; may be given several
    /// times.
    #[arg(long, value_name = "NAME=FILE", requires = "vectors")]
    pub(crate) group: Vec<String>,
    /// Seed of the random directions.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Write a page to this file.
    #[arg(long, value_name = "FILE.html")]
    pub(crate) out: Option<PathBuf>,
    /// Write each figure to this folder, as SVG.
    #[arg(long, value_name = "DIR")]
    pub(crate) figures: Option<PathBuf>,
    /// Print one JSON object on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Reads the name of a site where activations can be patched, and lists them in the help.
fn site_parser() -> impl TypedValueParser<Value = Site> {
    let sites = Site::ALL.into_iter().filter(|site| !site.is_projection());
    PossibleValuesParser::new(sites.map(Site::name)).try_map(|name| name.parse::<Site>())
}

impl Args {
    /// The files that are read, each with its flag.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = (&'static str, PathBuf)> {
        let prompts = self.prompts.iter().map(|path| ("--prompts", path.clone()));
        let groups = self.group.iter().filter_map(|text| text.split_once('='));
        let groups = groups.map(|(_, path)| ("--group", PathBuf::from(path)));
        let compare = self.compare.iter().map(|it| ("--compare", it.path.clone()));
        let run = self.run.iter().map(|path| ("--run", path.clone()));
        let tuned = self.tuned.iter().map(|path| ("--tuned", path.clone()));
        let model = self.model.inputs(&self.vectors);
        model
            .chain(prompts)
            .chain(groups)
            .chain(compare)
            .chain(tuned)
            .chain(run)
    }

    /// Refuses flags that ask for nothing.
    pub(crate) fn check(&self) -> Result<()> {
        if self.vectors.vectors.is_empty() && self.prompt.is_none() && self.run.is_none() {
            bail!(
                "give vectors to read with --vectors FILE, a text with --prompt TEXT, or a \
                 training run with --run DIR"
            );
        }
        for (flag, value) in [("--top", self.top), ("--draws", self.draws)] {
            ensure!(value > 0, "{flag} is 0; give a number from 1");
        }
        if let Some(folder) = &self.figures {
            let folder_found = folder.canonicalize().ok();
            let is_figure = |path: &Path| {
                path.extension().is_some_and(|it| it == "svg")
                    && path
                        .canonicalize()
                        .is_ok_and(|it| it.parent() == folder_found.as_deref())
            };
            ensure!(
                !folder.is_file(),
                "--figures {} is a file",
                folder.display()
            );
            if let Some((flag, path)) = self.inputs().find(|(_, path)| is_figure(path)) {
                bail!(
                    "{flag} reads {}, which a figure could replace; give another --figures",
                    path.display()
                );
            }
        }
        if self.answer.is_some() && self.answer == self.against {
            bail!("--answer and --against are the same token; give two");
        }
        if self.corrupted.is_some() && self.corrupted == self.prompt {
            bail!("--corrupted is the prompt itself; give one with another answer");
        }
        ensure!(
            self.measured_draws > 0,
            "--measured-draws is 0; give a number from 1"
        );
        Ok(())
    }

    pub(crate) fn options(&self) -> VectorLensOptions {
        VectorLensOptions {
            top_k: self.top,
            draws: self.draws,
            measured_draws: self.measured_draws,
            seed: self.seed,
        }
    }

    /// The groups of `--group`.
    pub(crate) fn groups(&self, vocabulary: &Vocabulary) -> Result<Vec<TokenGroup>> {
        let known = TokenGroup::built_in(vocabulary).into_iter();
        let mut names: BTreeSet<String> = known.map(|group| group.name).collect();
        let groups = self.group.iter().map(|text| {
            let parts = text.split_once('=');
            let (name, path) = parts.with_context(|| format!("`{text}` is not NAME=FILE"))?;
            ensure!(
                names.insert(name.to_owned()),
                "there is a group `{name}` already; give another name"
            );
            Ok(TokenGroup::read(name, path.as_ref(), vocabulary)?)
        });
        groups.collect()
    }

    /// The prompts of `--prompts` as tokens.
    pub(crate) fn read_prompts(&self, base: &Pretrained) -> Result<Option<Vec<Vec<u32>>>> {
        let Some(path) = &self.prompts else {
            return Ok(None);
        };
        let text = std::fs::read_to_string(path);
        let text = text.with_context(|| format!("cannot read {}", path.display()))?;
        let lines = (1..).zip(text.lines());
        let lines = lines.filter(|(_, line)| !line.trim().is_empty());
        let prompts = lines.map(|(number, line)| {
            let tokens = self.encode(line, base);
            tokens.with_context(|| format!("line {number} of {} cannot be read", path.display()))
        });
        let prompts = prompts.collect::<Result<Vec<Vec<u32>>>>()?;
        ensure!(
            !prompts.is_empty(),
            "{} has no prompt; write one a line",
            path.display()
        );
        Ok(Some(prompts))
    }

    /// A prompt as tokens.
    pub(crate) fn encode(&self, prompt: &str, base: &Pretrained) -> Result<Vec<u32>> {
        let text = prompt_text(prompt);
        let tokens = if self.chat {
            let template = base.chat_template.as_ref();
            let template = template.context("this model has no chat template; leave out --chat")?;
            let rendered = template.render(&[ChatMessage::new("user", text)], true)?;
            base.tokenizer.encode_rendered(&rendered)?
        } else {
            base.tokenizer.encode(&text)?
        };
        let (len, max_len) = (tokens.len(), base.model.config.max_len());
        ensure!(len > 0, "the prompt has no tokens");
        ensure!(
            len <= max_len,
            "the prompt has {len} tokens, and the model runs {max_len} at most"
        );
        Ok(tokens)
    }
}

/// The id of a text that is one token.
pub(crate) fn token(text: &str, flag: &str, base: &Pretrained) -> Result<u32> {
    let written = prompt_text(text);
    if let Some(id) = base.tokenizer.token_id(&written) {
        return Ok(id);
    }
    let tokens = base.tokenizer.encode(&written)?;
    // Some tokenizers begin every text with a special token.
    let tokens: Vec<u32> = match base.tokenizer.encode("")? {
        begin if tokens.starts_with(&begin) => tokens[begin.len()..].to_vec(),
        _ => tokens,
    };
    let [token] = tokens[..] else {
        let parts: Vec<String> = tokens
            .iter()
            .map(|&it| base.tokenizer.token_text(it))
            .collect();
        bail!(
            "{flag} `{text}` is {} tokens, {parts:?}; give one of them, with its blank",
            tokens.len()
        );
    };
    let found = base.tokenizer.token_text(token);
    ensure!(
        found.trim() == written.trim(),
        "{flag} `{text}` is no token of the model, which reads it as {found:?}"
    );
    Ok(token)
}

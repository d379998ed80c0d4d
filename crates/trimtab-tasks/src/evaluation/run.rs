//! An evaluation and its files, which an interrupted run continues.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::comparison::{Comparison, ComparisonError};
use super::item::{Item, Sample};
use super::report::{Arm, FORMAT, Protocol, Report, differences, json_line, sha256_hex};

/// An evaluation in progress.
///
/// With files, the run may be killed at any time: [`open`](Self::open) reads the samples written so
/// far, and a resumed run produces the same bytes as an uninterrupted one.
///
/// ```
/// use trimtab_grader::Rules;
/// use trimtab_tasks::evaluation::{Arm, Decoding, EvaluationRun, Item, Protocol, Sample};
/// use trimtab_tasks::{NanoTask, Template};
///
/// let items = Item::held_out(NanoTask::Gsm, 0, 20);
/// let decoding = Decoding {
///     samples: 1,
///     temperature: 0.0,
///     max_new_tokens: 96,
///     stop: vec![],
///     seed: 0,
/// };
/// let rules = Rules::DEFAULT;
/// let template = Template::Nano.pattern();
/// let protocol = Protocol::new("nano-gsm", &template, &items, decoding, rules, "f32");
/// let arm = Arm {
///     model: "an oracle".to_owned(),
///     model_sha256: String::new(),
///     vectors: vec![],
///     device: "none".to_owned(),
///     allowed_config_keys: vec![],
/// };
/// let mut run = EvaluationRun::open(None, protocol, arm, &items)?; // or Some(path)
/// while let Some(item) = items.get(run.samples().len()) {
///     let text = format!(r"It is \boxed{{{}}}.", item.gold); // what a model wrote
///     run.append(vec![vec![Sample::graded(item, 0, text, 9, false, &rules)]])?;
/// }
/// let report = run.finish()?;
/// println!("{report}");
/// assert_eq!(report.outcome.map(|outcome| outcome.accuracy), Some(1.0));
/// # Ok::<(), trimtab_tasks::evaluation::EvaluationError>(())
/// ```
#[derive(Debug)]
pub struct EvaluationRun<'a> {
    items: &'a [Item],
    report: Report,
    samples: Vec<Vec<Sample>>,
    files: Option<Files>,
}

#[derive(Debug)]
struct Files {
    report: PathBuf,
    samples: PathBuf,
    /// The samples file, open for appending and locked.
    log: File,
}

/// Why an evaluation cannot be written, resumed or read.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum EvaluationError {
    #[error("cannot use {path}: {error}")]
    Disk { path: PathBuf, error: io::Error },
    #[error("{path} is not an evaluation result of this version ({reason}); give another file")]
    Format { path: PathBuf, reason: String },
    #[error(
        "{path} is another evaluation; it differs: {}; give another file, or remove this one",
        .differences.join(", ")
    )]
    OtherRun {
        path: PathBuf,
        differences: Vec<String>,
    },
    #[error(
        "{path} has samples, but their result file is missing; \
         give another file, or remove this one"
    )]
    Orphan { path: PathBuf },
    #[error("{path}, line {line}: {reason}; remove the file to start over")]
    Sample {
        path: PathBuf,
        line: usize,
        reason: String,
    },
    #[error("{path} is in use by another process; wait for it, or give another file")]
    Locked { path: PathBuf },
    #[error("{path} is not finished; run the same command again to continue it")]
    Unfinished { path: PathBuf },
    #[error("{path} has changed since the result was computed; run the evaluation again")]
    OtherSamples { path: PathBuf },
    #[error(
        "{before} and {after} were not measured alike; {before} differs: {}",
        .differences.join(", ")
    )]
    NotAlike {
        before: PathBuf,
        after: PathBuf,
        differences: Vec<String>,
    },
    #[error(transparent)]
    Comparison(#[from] ComparisonError),
}

impl<'a> EvaluationRun<'a> {
    /// Starts the evaluation of `items`, or resumes an interrupted one.
    ///
    /// The result goes to `out`, and the samples go to the [`samples_path`] beside it. Without
    /// `out` the run stays in memory.
    ///
    /// A resumed run checks and grades every line again. It drops an incomplete last line, and the
    /// samples of a problem that does not have all of them.
    ///
    /// # Errors
    ///
    /// Fails if the files belong to another protocol, arm or process, if they were changed, or if
    /// they cannot be read or written. It does not change them then.
    pub fn open(
        out: Option<&Path>,
        protocol: Protocol,
        arm: Arm,
        items: &'a [Item],
    ) -> Result<Self, EvaluationError> {
        let mut run = Self {
            items,
            report: Report::unfinished(protocol, arm),
            samples: vec![],
            files: None,
        };
        if let Some(out) = out {
            run.resume(out)?;
        }
        Ok(run)
    }

    /// The samples so far, by problem.
    pub fn samples(&self) -> &[Vec<Sample>] {
        &self.samples
    }

    /// Adds the samples of the next problems and writes them to disk.
    ///
    /// # Errors
    ///
    /// Fails if the files cannot be written.
    pub fn append(&mut self, batch: Vec<Vec<Sample>>) -> Result<(), EvaluationError> {
        if let Some(files) = &mut self.files {
            if self.samples.is_empty() {
                write_report(&files.report, &self.report)?; // records the protocol of the samples
            }
            let text: String = batch.iter().flatten().map(json_line).collect();
            let written = files
                .log
                .write_all(text.as_bytes())
                .and_then(|()| files.log.sync_data());
            written.map_err(|error| disk(&files.samples, error))?;
        }
        self.samples.extend(batch);
        Ok(())
    }

    /// Computes the figures and writes the result file, if there is one.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written.
    ///
    /// # Panics
    ///
    /// If a problem has no samples yet, or if there is no problem.
    pub fn finish(self) -> Result<Report, EvaluationError> {
        assert_eq!(
            self.samples.len(),
            self.items.len(),
            "problems done and to do"
        );
        let report = self.report.finished(&self.samples);
        assert!(
            report.outcome.is_some(),
            "an evaluation has problems, and each as many samples"
        );
        if let Some(files) = &self.files {
            write_report(&files.report, &report)?;
        }
        Ok(report)
    }

    fn resume(&mut self, out: &Path) -> Result<(), EvaluationError> {
        let path = samples_path(out);
        let known = out.exists();
        if known {
            let found = read_report(out)?;
            let mut differences = differences(&found.protocol, &self.report.protocol);
            differences.extend(self::differences(&found.arm, &self.report.arm));
            if !differences.is_empty() {
                return Err(EvaluationError::OtherRun {
                    path: out.into(),
                    differences,
                });
            }
        }
        if let Some(folder) = out.parent() {
            fs::create_dir_all(folder).map_err(|error| disk(folder, error))?;
        }
        let mut log = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .open(&path)
            .map_err(|error| disk(&path, error))?;
        match log.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(EvaluationError::Locked { path }),
            Err(TryLockError::Error(error)) => return Err(disk(&path, error)),
        }
        let mut bytes = vec![];
        log.read_to_end(&mut bytes)
            .map_err(|error| disk(&path, error))?;
        if !known && !bytes.is_empty() {
            return Err(EvaluationError::Orphan { path });
        }
        let kept = self.keep(&bytes, &path)?;
        log.set_len(kept as u64)
            .map_err(|error| disk(&path, error))?;
        self.files = Some(Files {
            report: out.into(),
            samples: path,
            log,
        });
        Ok(())
    }

    /// Adds the samples of all complete problems in `bytes`. Returns the length of their lines.
    fn keep(&mut self, bytes: &[u8], path: &Path) -> Result<usize, EvaluationError> {
        let samples = self.report.protocol.decoding.samples;
        let (mut kept, mut read, mut problem) = (0, 0, vec![]);
        let lines = bytes
            .split_inclusive(|&byte| byte == b'\n')
            .filter(|line| line.ends_with(b"\n"));
        for (index, line) in lines.enumerate() {
            let refuse = |reason: String| EvaluationError::Sample {
                path: path.into(),
                line: index + 1,
                reason,
            };
            let sample: Sample =
                serde_json::from_slice(line).map_err(|error| refuse(error.to_string()))?;
            let item = self
                .items
                .get(index / samples)
                .ok_or_else(|| refuse("more samples than the run has".to_owned()))?;
            let (text, length, truncated) =
                (sample.prediction.clone(), sample.length, sample.truncated);
            let expected = Sample::graded(
                item,
                index % samples,
                text,
                length,
                truncated,
                &self.report.protocol.rules,
            );
            if sample != expected {
                let differences = differences(&sample, &expected).join(", ");
                return Err(refuse(format!(
                    "not the sample or verdict of this version: {differences}"
                )));
            }
            read += line.len();
            problem.push(sample);
            if problem.len() == samples {
                self.samples.push(std::mem::take(&mut problem));
                kept = read;
            }
        }
        Ok(kept)
    }
}

/// Reads a finished evaluation: the result at `path`, and the samples beside it by problem.
///
/// # Errors
///
/// Fails if a file is missing or damaged, if the run is not finished, or if the samples do not
/// belong to the result.
pub fn read_evaluation(path: &Path) -> Result<(Report, Vec<Vec<Sample>>), EvaluationError> {
    let report = read_report(path)?;
    if report.outcome.is_none() {
        return Err(EvaluationError::Unfinished { path: path.into() });
    }
    let path = samples_path(path);
    let bytes = fs::read(&path).map_err(|error| disk(&path, error))?;
    if report.samples_sha256.as_deref() != Some(&sha256_hex(&bytes)) {
        return Err(EvaluationError::OtherSamples { path });
    }
    let parse = |(index, line): (usize, &[u8])| {
        serde_json::from_slice(line).map_err(|error| EvaluationError::Sample {
            path: path.clone(),
            line: index + 1,
            reason: error.to_string(),
        })
    };
    let lines = bytes.split_inclusive(|&byte| byte == b'\n');
    let samples: Vec<Sample> = lines.enumerate().map(parse).collect::<Result<_, _>>()?;
    let problems = samples
        .chunks(report.protocol.decoding.samples.max(1))
        .map(<[Sample]>::to_vec)
        .collect();
    Ok((report, problems))
}

/// Compares two finished evaluations of one protocol problem by problem.
///
/// # Errors
///
/// As [`read_evaluation`], or they were not measured alike.
pub fn compare_evaluations(before: &Path, after: &Path) -> Result<Comparison, EvaluationError> {
    let (one, before_samples) = read_evaluation(before)?;
    let (other, after_samples) = read_evaluation(after)?;
    let differences = one.protocol.differences(&other.protocol);
    if !differences.is_empty() {
        return Err(EvaluationError::NotAlike {
            before: before.into(),
            after: after.into(),
            differences,
        });
    }
    Ok(Comparison::of(&before_samples, &after_samples)?)
}

/// The samples file of a result file: `base.samples.jsonl` for `base.json`.
pub fn samples_path(report: &Path) -> PathBuf {
    let mut name = match report.extension() {
        Some(extension) if extension == "json" => report.file_stem().unwrap_or_default(),
        _ => report.file_name().unwrap_or_default(),
    }
    .to_owned();
    name.push(".samples.jsonl");
    report.with_file_name(name)
}

fn disk(path: &Path, error: io::Error) -> EvaluationError {
    EvaluationError::Disk {
        path: path.into(),
        error,
    }
}

fn read_report(path: &Path) -> Result<Report, EvaluationError> {
    let bytes = fs::read(path).map_err(|error| disk(path, error))?;
    let format = |reason: String| EvaluationError::Format {
        path: path.into(),
        reason,
    };
    let report: Report =
        serde_json::from_slice(&bytes).map_err(|error| format(error.to_string()))?;
    if report.format == FORMAT {
        Ok(report)
    } else {
        Err(format(format!("format `{}`", report.format)))
    }
}

/// Replaces the file atomically: writes another one, syncs and renames it, and syncs the folder.
fn write_report(path: &Path, report: &Report) -> Result<(), EvaluationError> {
    let text = serde_json::to_string_pretty(report).expect("plain data") + "\n";
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    let temporary = path.with_file_name(name);
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        if cfg!(unix) {
            File::open(folder)?.sync_all()?; // elsewhere a folder cannot be opened
        }
        Ok(())
    };
    write().map_err(|error| disk(path, error))
}

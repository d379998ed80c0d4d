//! The page of the lens in a browser, if there is one.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use trimtab_lens::report::{
    AttributionReport, ComparisonReport, LensReport, PatchingReport, TextReport,
};
use trimtab_lens::{
    LogitLensOptions, Target, VectorLens, VectorLensOptions, Vocabulary, changes, compare,
    direct_logit_attribution, logit_lens, patch, persistence, project, trajectory,
};
use trimtab_model::{Device, Hook, Precision, Pretrained, Site};
use trimtab_steer::{SteeringVectors, algebra};
use trimtab_tests::{bundled_model, random_vectors};

const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

#[test]
fn a_browser_shows_every_figure_without_a_complaint() {
    let has = |name: &&&str| Command::new(name).arg("--version").output().is_ok();
    let Some(browser) = BROWSERS.iter().find(has) else {
        println!("skipped: there is none of {BROWSERS:?}");
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let page = folder.path().join("lens.html");
    report().write(&page).expect("a writable folder");

    let shown = open(browser, folder.path(), &page, &["--dump-dom"]);
    let dom = String::from_utf8_lossy(&shown.stdout);
    let count = |part: &str| dom.matches(part).count();
    // Four readings, persistence, trajectory, comparison, lens, attribution, projection, patching.
    assert_eq!(count("<section>"), 11, "{dom}");
    assert_eq!(count("<svg class=\"curve\""), 3);
    assert_eq!(count("<table class=\"heat\">"), 8);

    let picture = folder.path().join("page.png");
    let to_picture = format!("--screenshot={}", picture.display());
    open(
        browser,
        folder.path(),
        &page,
        &[&to_picture, "--window-size=1200,4000"],
    );
    let bytes = fs::read(&picture).expect("a picture").len();
    assert!(bytes > 100_000, "a blank page has 20 KB: {bytes}");

    // The policy of the page forbids scripts, and the browser says so.
    let text = fs::read_to_string(&page).expect("just written");
    fs::write(&page, text.replace("<main>", "<script>0</script><main>")).expect("a folder");
    let complaint = run(browser, folder.path(), &page, &["--dump-dom"]);
    let complaint = String::from_utf8_lossy(&complaint.stderr).into_owned();
    assert!(complaint.contains("CONSOLE"), "{complaint}");
}

/// Opens a page that the browser must not complain about.
fn open(browser: &str, folder: &Path, page: &Path, flags: &[&str]) -> Output {
    let output = run(browser, folder, page, flags);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaints}");
    assert!(!complaints.contains("CONSOLE"), "{complaints}");
    output
}

fn run(browser: &str, folder: &Path, page: &Path, flags: &[&str]) -> Output {
    Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--enable-logging=stderr",
        ])
        .arg(format!(
            "--user-data-dir={}",
            folder.join("profile").display()
        ))
        .args(flags)
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("it has started before")
}

/// Everything that the page shows, of the bundled model and random vectors.
fn report() -> LensReport {
    let base = Pretrained::load(&bundled_model(), Precision::F32, &Device::flex());
    let base = base.expect("the bundled model");
    let model = &base.model;
    let vocabulary = Vocabulary::of(&base);
    let (vectors, other) = (random_vectors(model, 1), random_vectors(model, 2));
    let encode = |text| base.tokenizer.encode(text).expect("a text");
    let (text, corrupted) = (encode("Compute 3+5."), encode("Compute 4+5."));
    let texts = |tokens: &[u32]| -> Vec<String> {
        let texts = tokens
            .iter()
            .map(|&token| vocabulary.text(token).to_owned());
        texts.collect()
    };
    let answers = [corrupted[1], text[1]];
    let [answer, against] = answers.map(|token| vocabulary.text(token).to_owned());
    let target = Target {
        position: text.len() - 1,
        token: answers[0],
        against: None,
    };
    let options = LogitLensOptions {
        top_k: 3,
        ..LogitLensOptions::default()
    };
    let draws = VectorLensOptions {
        top_k: 4,
        draws: 50,
        measured_draws: 10,
        seed: 0,
    };
    let lens = VectorLens::new(model, vocabulary.clone(), draws);
    let mut readings = lens.unembedding(&vectors, &mut |_| ());
    readings.extend(
        lens.linearised(&vectors, &[&text], &mut |_| ())
            .expect("a text"),
    );
    readings.extend(
        lens.measured(&vectors, &[&text], &mut |_| ())
            .expect("a text"),
    );
    let half = algebra::scale(&vectors, 0.5);
    let hooks = [&vectors, &other].map(|it| SteeringVectors::from_host(it, &model.device()).hook());
    let runs = hooks.each_ref().map(|hook| (model, Some(hook as Hook)));
    LensReport {
        model: base.name.clone(),
        vectors: vec!["random".to_owned()],
        readings,
        draws: 50,
        measured_draws: 10,
        persistence: persistence(model, &vectors, &[&text], &mut |_| ()).expect("a text"),
        run: Some("runs/kept".to_owned()),
        trajectory: trajectory(
            model,
            &base.tokenizer,
            &[(1, half), (2, vectors.clone())],
            4,
        ),
        comparison: Some(ComparisonReport {
            names: vec!["one".to_owned(), "other".to_owned()],
            changes: changes(model, &runs, &[&text]).expect("a text"),
            comparison: compare(&[Some(&vectors), Some(&other)]),
            kl: vec![vec![0.0, 0.5, 0.25]; 3],
        }),
        text: Some(TextReport {
            tokens: texts(&text),
            steered: false,
            tuned: false,
            points: logit_lens(model, &vocabulary, &text, None, &options).expect("a text"),
            projections: project(model, &text, &vectors, None).expect("a text"),
            attribution: Some(AttributionReport {
                answer: answer.clone(),
                against: None,
                attribution: direct_logit_attribution(model, &text, target, None).expect("a text"),
            }),
        }),
        patching: Some(PatchingReport {
            clean: texts(&text),
            corrupted: texts(&corrupted),
            answer,
            against,
            patching: patch(
                model,
                [&text, &corrupted],
                answers,
                Site::ResidPost,
                None,
                &mut |_| (),
            )
            .expect("texts of one length"),
        }),
    }
}

//! What a program can check in the pages: links, keys of recipes, and that all Rust blocks compile.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use trimtab_rl::RecipeConfig;

/// Longest line, tables and links apart.
const MAX_COLUMNS: usize = 100;

#[test]
fn links_lead_to_files_and_headings() {
    for page in pages() {
        let text = read(&page);
        for link in links(&text).filter(|link| !link.contains("://")) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => page.clone(),
                file => page.parent().expect("a folder").join(file),
            };
            assert!(target.exists(), "{}: {link}", page.display());
            let known = heading.is_empty() || anchors(&read(&target)).any(|one| one == heading);
            assert!(known, "{}: no heading for {link}", page.display());
        }
    }
}

#[test]
fn lines_fit_a_window() {
    for page in pages() {
        for (number, line) in (1..).zip(read(&page).lines()) {
            let exempt = line.trim_start().starts_with('|') || line.contains("](");
            let columns = line.chars().count();
            assert!(
                exempt || columns <= MAX_COLUMNS,
                "{}:{number} has {columns} columns",
                page.display()
            );
        }
    }
}

/// Pages on one crate are compiled by that crate, the others by this package.
#[test]
fn rust_blocks_of_every_page_are_compiled() {
    let sources = [
        "tests/src/pages.rs",
        "crates/trimtab-grader/src/lib.rs",
        "crates/trimtab-tasks/src/lib.rs",
    ];
    let compiled = sources.map(|source| read(&root().join(source))).concat();
    for page in pages() {
        if let Ok(name) = page.strip_prefix(root().join("docs")) {
            let name = format!("/{}\"", name.display());
            let listed = compiled.contains(&name);
            assert!(
                listed,
                "tests/src/pages.rs does not name {}",
                page.display()
            );
        }
    }
}

/// The tables of `recipe.md` name every key with its default.
#[test]
fn the_recipe_page_has_every_key_with_its_default() {
    let default = RecipeConfig::default().to_toml();
    let default: toml::Value = toml::from_str(&default).expect("just written");
    let mut expected = BTreeMap::new();
    leaves("", &default, &mut expected);
    expected.retain(|key, _| !key.starts_with("reward."));

    let page = read(&root().join("docs/recipe.md"));
    let mut told = BTreeMap::new();
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let (keys, values) = (cells[1].split(", "), cells[2].split(", "));
        for (key, value) in keys.zip(values) {
            told.insert(key.trim_matches('`'), value.trim_matches('`'));
        }
    }
    for (key, value) in expected {
        let text = told
            .get(&*key)
            .unwrap_or_else(|| panic!("no row for `{key}`"));
        let written: toml::Table = format!("value = {text}")
            .parse()
            .unwrap_or_else(|_| panic!("the default of `{key}` is no value: {text}"));
        assert!(
            equal(&written["value"], &value),
            "`{key}` is {value}, not {text}"
        );
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests are in the workspace")
        .to_owned()
}

fn pages() -> Vec<PathBuf> {
    let mut found = vec![
        root().join("README.md"),
        root().join("benches/peers/README.md"),
        root().join("examples/assets/nano/README.md"),
    ];
    for folder in ["docs", "docs/algorithms"] {
        let entries = fs::read_dir(root().join(folder)).expect("a folder of pages");
        let paths = entries.map(|entry| entry.expect("a readable folder").path());
        found.extend(paths.filter(|path| path.extension().is_some_and(|end| end == "md")));
    }
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The targets of `[text](target)`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(link, _)| link)
}

/// The names by which GitHub links to headings.
fn anchors(text: &str) -> impl Iterator<Item = String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title
            .chars()
            .filter(|char| char.is_alphanumeric() || " -_".contains(*char));
        kept.map(|char| if char == ' ' { '-' } else { char })
            .collect()
    })
}

/// All values below `value` by their dotted keys.
fn leaves(prefix: &str, value: &toml::Value, found: &mut BTreeMap<String, toml::Value>) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                let dot = if prefix.is_empty() { "" } else { "." };
                leaves(&format!("{prefix}{dot}{key}"), value, found);
            }
        }
        _ => drop(found.insert(prefix.to_owned(), value.clone())),
    }
}

/// Whether a written value is that of a recipe, whose numbers with a fraction are f32.
fn equal(written: &toml::Value, value: &toml::Value) -> bool {
    let number = |value: &toml::Value| match value {
        toml::Value::Integer(number) => Some(*number as f32),
        toml::Value::Float(number) => Some(*number as f32),
        _ => None,
    };
    match (number(written), number(value)) {
        (Some(written), Some(value)) => written == value,
        _ => written == value,
    }
}

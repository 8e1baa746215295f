//! The application of `examples/adoption`, before it had a cache and after: both give the same
//! answers, and the docs state what that took as it is.

#[path = "adoption/count.rs"]
mod count;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cache_tests::cargo;
use cache_tests::source::workspace;

const PAGES: [&str; 2] = ["docs/ADOPTING.md", "docs/CHOOSING.md"];

fn read(name: impl AsRef<Path>) -> String {
    let path = workspace().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Where this build puts examples.
fn examples() -> PathBuf {
    let this = std::env::current_exe().unwrap();
    this.parent().and_then(Path::parent).unwrap().join("examples")
}

/// What an example prints. It is built with the selection of `tests/run`, so that no dependency
/// is built once more.
fn run(name: &str) -> String {
    let mut build = cargo();
    build.args(["build", "--quiet", "--workspace", "--all-features", "--example", name]);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    assert!(build.current_dir(workspace()).status().unwrap().success(), "{name} does not build");
    let output = Command::new(examples().join(name)).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_cache_changes_no_answer_and_each_model_is_hit() {
    let (before, after) = (run("adoption_before"), run("adoption_after"));
    let answers: Vec<&str> = before.lines().collect();
    assert!(answers[1].starts_with("digest "), "{before}");
    assert_eq!(after.lines().take(2).collect::<Vec<_>>(), answers);
    for model in count::cached_models() {
        let hits = after.lines().find_map(|line| {
            line.strip_prefix(&format!(
                "cache_hits_total{{model=\"{model}\",tier=\"in_process\"}} "
            ))
        });
        let hits: u64 =
            hits.unwrap_or_else(|| panic!("{model} is not in\n{after}")).parse().unwrap();
        assert!(hits > 0, "{model} was never hit\n{after}");
    }
}

#[test]
fn the_docs_state_what_changed() {
    let page = read("docs/ADOPTING.md").split_whitespace().collect::<Vec<_>>().join(" ");
    for sentence in count::sentences() {
        assert!(page.contains(&sentence), "docs/ADOPTING.md does not say: {sentence}");
    }
}

/// The blocks of Rust on a page, each with the file that it says to be from.
fn quotes(text: &str) -> Vec<(Option<&str>, Vec<&str>)> {
    let mut blocks = Vec::new();
    let (mut from, mut block) = (None, None::<Vec<&str>>);
    for line in text.lines() {
        match &mut block {
            Some(lines) if line != "```" => lines.push(line),
            Some(_) => blocks.push((from.take(), block.take().unwrap_or_default())),
            None if line.starts_with("```rust") => block = Some(Vec::new()),
            None => {
                let named = line.strip_prefix("<!-- from ").and_then(|it| it.strip_suffix(" -->"));
                from = named.or(if line.is_empty() { from } else { None });
            }
        }
    }
    blocks
}

/// Whether the lines stand in the file, one after another, however far indented.
fn is_quoted(lines: &[&str], file: &str) -> bool {
    let bare = |lines: &[&str]| lines.iter().map(|line| line.trim().to_owned()).collect::<Vec<_>>();
    let (quote, file) = (bare(lines), bare(&file.lines().collect::<Vec<_>>()));
    !quote.is_empty() && file.windows(quote.len()).any(|window| window == quote)
}

#[test]
fn code_on_the_pages_is_code_that_runs() {
    for page in PAGES {
        let text = read(page);
        let blocks = quotes(&text);
        assert!(!blocks.is_empty(), "{page} quotes nothing");
        for (from, lines) in blocks {
            let code = lines.join("\n");
            let from = from.unwrap_or_else(|| panic!("{page}: say where this is from:\n{code}"));
            assert!(from.starts_with("examples/"), "{page}: {from} is not compiled");
            assert!(is_quoted(&lines, &read(from)), "{page}: this is not in {from}:\n{code}");
        }
    }
}

#[test]
fn what_is_not_quoted_is_found() {
    let page = "<!-- from a.rs -->\n```rust,ignore\nlet a = 1;\n```\ntext\n\n```rust\nb();\n```\n";
    let blocks = quotes(page);
    assert_eq!(blocks, [(Some("a.rs"), vec!["let a = 1;"]), (None, vec!["b();"])]);
    assert!(is_quoted(&["let a = 1;", "b();"], "fn c() {\n    let a = 1;\n    b();\n}"));
    assert!(!is_quoted(&["let a = 1;", "b();"], "    let a = 1;\n\n    b();"));
}

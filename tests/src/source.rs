//! Reads Rust sources as tokens, as far as the suites `layering` and `house`
//! need: comments and the insides of literals are gone, test modules are known.

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the workspace.
pub fn workspace() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_path_buf()
}

/// All files below a folder whose name ends in one of `endings`, sorted;
/// nothing where there is no such folder.
pub fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path, endings));
        } else if endings.iter().any(|end| path.to_string_lossy().ends_with(end)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A token and the line (from 1) on which it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// An identifier, `::`, or one other character; a literal is `""`.
    pub text: String,
    /// Line in the file.
    pub line: usize,
}

/// The tokens of a source text.
pub fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let (mut at, mut line, mut found) = (0, 1, Vec::new());
    while at < chars.len() {
        let (start, first) = (at, chars[at]);
        let mut token = None;
        if let Some(end) = comment(&chars, at) {
            at = end;
        } else if let Some(end) = literal(&chars, at) {
            (at, token) = (end, Some("\"\"".to_owned()));
        } else if is_word(first) {
            while at < chars.len() && is_word(chars[at]) {
                at += 1;
            }
            token = Some(chars[start..at].iter().collect());
        } else if first == ':' && chars.get(at + 1) == Some(&':') {
            (at, token) = (at + 2, Some("::".to_owned()));
        } else {
            at += 1;
            token = (!first.is_whitespace()).then(|| first.to_string());
        }
        found.extend(token.map(|text| Token { text, line }));
        line += chars[start..at].iter().filter(|char| **char == '\n').count();
    }
    found
}

/// The tokens without the items under `#[cfg(test)]` or `#[test]`.
pub fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let is = |at: usize, words: &[&str]| {
        words
            .iter()
            .enumerate()
            .all(|(i, word)| tokens.get(at + i).is_some_and(|t| t.text == *word))
    };
    let (mut at, mut kept) = (0, Vec::new());
    while at < tokens.len() {
        if is(at, &["#", "[", "cfg", "(", "test", ")", "]"]) || is(at, &["#", "[", "test", "]"]) {
            at = end_of_item(tokens, at);
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// Past the item that begins at `at`: its closing `}` or its `;`.
fn end_of_item(tokens: &[Token], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token.text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => {
                depth = depth.saturating_sub(1);
                if depth == 0 && token.text == "}" {
                    break;
                }
            }
            ";" if depth == 0 => break,
            _ => {}
        }
    }
    at
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

fn comment(chars: &[char], start: usize) -> Option<usize> {
    let pair = |at: usize| (chars.get(at).copied(), chars.get(at + 1).copied());
    match pair(start) {
        (Some('/'), Some('/')) => {
            Some((start..chars.len()).find(|at| chars[*at] == '\n').unwrap_or(chars.len()))
        }
        (Some('/'), Some('*')) => {
            let (mut at, mut depth) = (start + 2, 1);
            while at < chars.len() && depth > 0 {
                let step = match pair(at) {
                    (Some('/'), Some('*')) => (2, 1),
                    (Some('*'), Some('/')) => (2, -1),
                    _ => (1, 0),
                };
                (at, depth) = (at + step.0, depth + step.1);
            }
            Some(at)
        }
        _ => None,
    }
}

/// Past the string or character literal that begins here, if one does.
fn literal(chars: &[char], start: usize) -> Option<usize> {
    let mut at = start;
    // b"", c"", r"", br#""#: the prefix is part of the literal.
    while at < chars.len() && at - start < 2 && matches!(chars[at], 'b' | 'c' | 'r') {
        at += 1;
    }
    let raw = at > start && chars[at - 1] == 'r';
    let hashes = chars[at..].iter().take_while(|char| **char == '#').count();
    if raw && chars.get(at + hashes) == Some(&'"') {
        at += hashes + 1;
        while at < chars.len() {
            let closes = chars[at] == '"'
                && chars[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
            at += 1;
            if closes {
                return Some(at + hashes);
            }
        }
        return Some(at);
    }
    match chars.get(at) {
        Some('"') if !raw => Some(past_quote(chars, at, '"')),
        // A lifetime has no closing quote after one character.
        Some('\'') if chars.get(at + 1) == Some(&'\\') || chars.get(at + 2) == Some(&'\'') => {
            Some(past_quote(chars, at, '\''))
        }
        _ => None,
    }
}

fn past_quote(chars: &[char], start: usize, quote: char) -> usize {
    let mut at = start + 1;
    while at < chars.len() && chars[at] != quote {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        tokens(text).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_and_literals_are_gone() {
        let text =
            "a // crate::x\n/* b /* c */ d */ e \"crate::y\\\"\" r#\"f\"g\"# 'h' '\\'' <'i> b\"j\"";
        let literal = "\"\"";
        assert_eq!(
            words(text),
            ["a", "e", literal, literal, literal, literal, "<", "'", "i", ">", literal]
        );
    }

    #[test]
    fn a_token_knows_its_line() {
        let found = tokens("a\n\"x\ny\"\nb::c");
        assert_eq!(found.iter().map(|token| token.line).collect::<Vec<_>>(), [1, 2, 4, 4, 4]);
    }

    #[test]
    fn test_items_are_left_out() {
        let text = "fn a() { b(); } #[cfg(test)] mod tests { fn c() { d(); } } #[cfg(test)] mod e; fn f() {}";
        let kept: String =
            without_tests(&tokens(text)).into_iter().map(|token| token.text).collect();
        assert_eq!(kept, "fna(){b();}fnf(){}");
    }
}

//! Language: the repository's texts avoid phrases that are easy to misread.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::tidy::root;

/// Phrases as sequences of words, and the better wording.
const BANNED: [(&str, &str); 11] = [
    ("at once", "`immediately`, `concurrently` or `in one write`"),
    ("how manieth", "`the number of`"),
    ("is no", "`is not a` or `there is no`"),
    ("are no", "`are not` or `there are no`"),
    ("so many", "`this many` or `at most n`"),
    ("whoever", "the noun: a client, a thread, a task"),
    ("none of", "`not one of` or `no`"),
    ("is to be", "`must be`"),
    ("are to be", "`must be`"),
    ("by the will of", "`because … requires it`"),
    ("can be had", "`is available`"),
];

/// Words that must not begin a sentence or a function's name, because the noun is missing.
const BANNED_STARTS: [&str; 3] = ["what", "who", "whoever"];

/// The folders whose files are read. Those of the repository itself are read as well.
const FOLDERS: [&str; 10] = [
    ".github",
    "benches/src",
    "conformance",
    "docs",
    "examples",
    "foreign",
    "server",
    "snapshots",
    "src",
    "tests",
];

/// A banned phrase in a file.
struct Finding {
    file: String,
    line: usize,
    phrase: String,
    better: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, phrase, better } = self;
        write!(f, "{file}:{line}: \"{phrase}\"; better: {better}")
    }
}

/// A word in lower case, its line, and its place in the sentence.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Word {
    text: String,
    line: usize,
    /// The word does not continue the phrase of the word before it.
    is_after_break: bool,
    starts_sentence: bool,
}

#[test]
fn texts_avoid_banned_phrases() {
    let findings: Vec<_> = findings().iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

#[test]
fn a_phrase_is_found_across_lines_and_in_names() {
    let text = "/// The mock answers at\n/// once. What follows is lost.\nfn what_is_no_y() {}\n";
    let found = check("a.rs", text);
    let found: Vec<_> = found.iter().map(|found| (found.line, found.phrase.as_str())).collect();
    assert_eq!(found, [(1, "at once"), (2, "What …"), (3, "What …"), (3, "is no")]);
}

#[test]
fn a_phrase_ends_with_its_sentence() {
    assert!(check("a.md", "That is. No more, so, many: the file of what it is.\n").is_empty());
    assert!(check("a.md", "There is no room, and there are no users.\n").is_empty());
}

fn findings() -> Vec<Finding> {
    let root = root();
    let mut paths = Vec::new();
    for folder in FOLDERS {
        walk(&root.join(folder), &mut paths);
    }
    for folder in [root.to_owned(), root.join("benches"), root.join("fuzz")] {
        let entries = fs::read_dir(folder).expect("the folders of the repository can be read");
        paths.extend(entries.map(|entry| entry.expect("an entry can be read").path()));
    }
    paths.sort();
    let mut findings = Vec::new();
    for path in paths {
        let file = path.strip_prefix(root).expect("the walk began at the root");
        let file = file.to_string_lossy().replace('\\', "/");
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("rs" | "md") if !file.ends_with("it/language.rs") => {
                let text = fs::read_to_string(&path).expect("a text file can be read");
                findings.extend(check(&file, &text));
            }
            // The text of a snapshot is the program's output; its name is a test's.
            Some("snap") => findings.extend(check(&file, &file)),
            _ => {}
        }
    }
    findings
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).expect("the folders of the repository can be read");
    for entry in entries {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            walk(&path, paths);
        } else {
            paths.push(path);
        }
    }
}

fn check(file: &str, text: &str) -> Vec<Finding> {
    let words = words(text);
    let mut findings = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let before = index.checked_sub(1).map_or("", |index| &*words[index].text);
        let mut find = |phrase: String, better| {
            findings.push(Finding { file: file.into(), line: word.line, phrase, better });
        };
        let starts_name = before == "fn" && !word.is_after_break;
        if (word.starts_sentence || starts_name) && BANNED_STARTS.contains(&&*word.text) {
            find(
                format!("{}{} …", word.text[..1].to_uppercase(), &word.text[1..]),
                "name the noun",
            );
        }
        for (phrase, better) in BANNED {
            // "There is no room" and "the room is no longer there" are ordinary English.
            let after = words.get(index + 2).map_or("", |word| &*word.text);
            let is_ordinary = phrase.ends_with(" no") && (before == "there" || after == "longer");
            if !is_ordinary && begins_with(&words[index..], phrase) {
                find(phrase.into(), better);
            }
        }
    }
    findings
}

fn begins_with(words: &[Word], phrase: &str) -> bool {
    let mut words = words.iter();
    phrase.split(' ').enumerate().all(|(index, part)| {
        words.next().is_some_and(|word| word.text == part && (index == 0 || !word.is_after_break))
    })
}

/// Splits a text into words. Line breaks and comment markers do not separate the words of a
/// phrase, and neither do the underscores of a name; punctuation does.
fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let (mut is_after_break, mut starts_sentence) = (true, true);
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_start();
        let prose = line.trim_start_matches(['/', '!', '#', '-', '*', '|', '>', ' ']);
        let is_prose = prose.len() < line.len();
        if prose.is_empty() || line.starts_with("```") {
            (is_after_break, starts_sentence) = (true, true);
        }
        // A heading may be a question.
        starts_sentence &= !line.starts_with('#');
        let mut word = String::new();
        for c in prose.chars().chain([' ']) {
            if c.is_alphanumeric() || c == '\'' {
                word.push(c);
                continue;
            }
            if !word.is_empty() {
                // A name in code does not start a sentence; a word of prose has a capital there.
                let is_start = starts_sentence && word.starts_with(char::is_uppercase);
                let text = std::mem::take(&mut word).to_lowercase();
                words.push(Word {
                    text,
                    line: index + 1,
                    is_after_break,
                    starts_sentence: is_start,
                });
                (is_after_break, starts_sentence) = (false, false);
            }
            starts_sentence |= matches!(c, '.' | '?' | '!' | '|');
            is_after_break |= !(c.is_whitespace() || c == '_');
        }
        if !is_prose && !prose.is_empty() {
            starts_sentence |= prose.ends_with(['{', '}', ';', ',']);
        }
    }
    words
}

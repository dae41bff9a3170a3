//! The rules of the documentation that a machine can check. A failure says what to do.

use std::collections::BTreeSet;
use std::fs;

use crate::source::item_at;
use crate::tidy::{File, LAYERS, assert_none, file, files, has_word, root, rust_files};

/// The page of the guide with the assumptions.
const FIDELITY: &str = "src/guide/fidelity.md";
const ARCHITECTURE: &str = "src/guide/architecture.md";

/// The README and the pages of the guide.
fn pages() -> impl Iterator<Item = File> {
    let is_page = |file: &File| file.path == "README.md" || file.is_in("src/guide/");
    files().into_iter().filter(move |file| is_page(file) && file.path.ends_with(".md"))
}

#[test]
fn the_readme_is_short() {
    let lines = file("README.md").lines().count();
    assert!(lines <= 250, "README.md has {lines} lines: move what is about one topic to the guide");
}

#[test]
fn every_page_of_the_guide_is_part_of_the_crate_and_linked_from_the_readme() {
    let (module, readme) = (file("src/guide/mod.rs"), file("README.md"));
    let mut complaints = Vec::new();
    for page in pages().filter(|page| page.path != "README.md") {
        let name = page.path.trim_start_matches("src/guide/");
        if !module.contains(&format!("include_str!(\"{name}\")")) {
            complaints.push(format!("{}: include it in src/guide/mod.rs", page.path));
        }
        if !readme.contains(&format!("]({})", page.path)) {
            complaints.push(format!("{}: link it from the README", page.path));
        }
    }
    assert_none(&complaints);
}

#[test]
fn every_example_is_named_in_the_readme() {
    let readme = file("README.md");
    let is_named = |path: &str| {
        let name = path.trim_start_matches("examples/");
        let name = name.trim_end_matches(".rs").trim_end_matches("/main");
        readme.contains(path) || readme.contains(&format!("--example {name}"))
    };
    let complaints: Vec<_> = rust_files()
        .iter()
        // The module `client` is shared by several.
        .filter(|file| file.is_in("examples/") && !file.is_in("examples/client/"))
        .filter(|file| !is_named(&file.path))
        .map(|file| format!("{}: say in README.md what it shows, with a link", file.path))
        .collect();
    assert_none(&complaints);
}

#[test]
fn every_test_of_the_readme_and_the_guide_runs_in_this_binary() {
    let runs = trimmed(&file("tests/it/readme.rs"));
    let mut complaints = Vec::new();
    for page in pages() {
        let is_test = |block: &&str| block.contains("#[test]") || block.contains("#[tokio::test");
        for block in blocks(&page.text, "rust").filter(is_test) {
            if !runs.contains(&trimmed(block)) {
                let name = block.lines().find(|line| line.contains("fn ")).unwrap_or_default();
                complaints.push(format!(
                    "{}: copy the block of `{name}` to tests/it/readme.rs, word for word",
                    page.path
                ));
            }
        }
    }
    assert_none(&complaints);
}

#[test]
fn every_fault_of_the_tables_is_installed_by_a_test() {
    let test = without_whitespace(&file("tests/it/guide.rs"));
    let mut complaints = Vec::new();
    for page in pages() {
        let lines = page.text.lines();
        let codes = lines.filter_map(|line| line.strip_suffix(";` |")?.split_once(" | `"));
        for (_, code) in codes {
            let code = format!("{};", code.replace("\\|", "|"));
            if !test.contains(&without_whitespace(&code)) {
                complaints.push(format!("{}: add `{code}` to tests/it/guide.rs", page.path));
            }
        }
    }
    assert_none(&complaints);
}

fn without_whitespace(text: &str) -> String {
    text.split_whitespace().collect()
}

/// The code blocks of a language in a Markdown text.
fn blocks<'a>(markdown: &'a str, language: &str) -> impl Iterator<Item = &'a str> {
    let fence = format!("```{language}\n");
    let mut rest = markdown;
    std::iter::from_fn(move || {
        let start = rest.find(&fence)? + fence.len();
        let (block, after) = rest[start..].split_once("\n```")?;
        rest = after;
        Some(block)
    })
}

/// The lines of a text without their indentation; the order of imports is rustfmt's business.
fn trimmed(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with("use "));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// An assumption of the source, or a row about one.
#[derive(Debug)]
struct Assumption {
    path: String,
    item: String,
    /// The first sentence of the assumption, or the cell of the row.
    text: String,
}

impl Assumption {
    fn is_about_the_item_of(&self, other: &Self) -> bool {
        self.path == other.path && self.item == other.item
    }

    /// Whether this row quotes an assumption. Punctuation and case may differ.
    fn quotes(&self, assumption: &Self) -> bool {
        words(&self.text).contains(&words(&assumption.text))
    }
}

#[test]
fn the_guide_lists_every_assumption_once_and_quotes_it() {
    let (assumptions, rows) = (assumptions(), rows_of_assumptions());
    let mut complaints = Vec::new();
    for assumption in &assumptions {
        let Assumption { path, item, text } = assumption;
        let about = |row: &&Assumption| row.is_about_the_item_of(assumption);
        match rows.iter().filter(about).collect::<Vec<_>>()[..] {
            [] => complaints.push(format!(
                "{FIDELITY}: add the row `| Topic | {text}: the choice | `{item}` in `{path}` |`"
            )),
            [row] if !row.quotes(assumption) => complaints.push(format!(
                "{FIDELITY}: the row of `{item}` in `{path}` must quote its comment: {text}"
            )),
            [_] => {}
            _ => complaints.push(format!("{FIDELITY}: `{item}` in `{path}` has several rows")),
        }
    }
    for row in &rows {
        if !assumptions.iter().any(|assumption| assumption.is_about_the_item_of(row)) {
            let Assumption { path, item, .. } = row;
            complaints.push(format!(
                "{FIDELITY}: `{item}` in `{path}` has no comment with the word `Assumed:`; remove \
                 the row or name the right item"
            ));
        }
    }
    assert_none(&complaints);
}

#[test]
fn the_rows_of_assumed_constants_have_their_values() {
    let mut complaints = Vec::new();
    for Assumption { path, item, text } in rows_of_assumptions() {
        let source = file(&path);
        let declaration = format!("const {item}: usize = ");
        let Some((_, rest)) = source.split_once(&declaration) else { continue };
        let expression = rest.split(';').next().unwrap_or_default();
        let factors = expression.split('*').map(|factor| factor.trim().replace('_', ""));
        let value: usize = factors.filter_map(|factor| factor.parse::<usize>().ok()).product();
        let value = readable(value);
        if !text.contains(&value) {
            complaints.push(format!("{FIDELITY}: the row of `{item}` in `{path}` lacks {value}"));
        }
    }
    assert_none(&complaints);
}

/// A number in the form that the guide uses: `1 MiB`, `64 KiB`, `1,000`.
fn readable(number: usize) -> String {
    const KIB: usize = 1024;
    match number {
        n if n % (KIB * KIB) == 0 => format!("{} MiB", n / (KIB * KIB)),
        n if n % KIB == 0 => format!("{} KiB", n / KIB),
        n if n >= 1_000 => format!("{},{:03}", n / 1_000, n % 1_000),
        n => n.to_string(),
    }
}

/// The assumptions that the source states.
fn assumptions() -> Vec<Assumption> {
    let mut found = Vec::new();
    for file in rust_files().iter().filter(|file| file.is_in("src/")) {
        let lines: Vec<_> = file.text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            // Prose about the word has it in backquotes.
            let is_stated = line.trim_start().starts_with("//")
                && line.contains("Assumed:")
                && !line.contains("`Assumed:");
            if is_stated {
                let (path, item) = (file.path.clone(), item_at(&lines, number));
                found.push(Assumption { path, item, text: assumption_at(&lines[number..]) });
            }
        }
    }
    found
}

/// The first sentence after the word `Assumed:` of a comment.
fn assumption_at(lines: &[&str]) -> String {
    let comment = lines.iter().map(|line| line.trim_start());
    let comment = comment.take_while(|line| line.starts_with("//"));
    let comment = comment.map(|line| line.trim_start_matches('/').trim());
    let paragraph: Vec<_> = comment.take_while(|line| !line.is_empty()).collect();
    let paragraph = paragraph.join(" ");
    let text = paragraph.split_once("Assumed:").map_or("", |(_, text)| text.trim_start());
    text.split(". ").next().unwrap_or_default().trim_end_matches('.').to_owned()
}

/// The rows of the table of assumptions. The last cell is "`item` in `path`".
fn rows_of_assumptions() -> Vec<Assumption> {
    let row = |line: &str| {
        let (cells, place) = line.strip_suffix("` |")?.rsplit_once(" | `")?;
        let (item, path) = place.split_once("` in `")?;
        let (_, text) = cells.split_once(" | ")?;
        Some(Assumption { path: path.to_owned(), item: item.to_owned(), text: text.to_owned() })
    };
    file(FIDELITY).lines().filter_map(row).collect()
}

/// The words of a text, in lower case.
fn words(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

#[test]
fn an_assumption_is_the_first_sentence_after_the_word() {
    let lines =
        ["/// Documented: 5.5. Assumed: that \"it\" is", "/// so. More.", "///", "/// Else."];
    assert_eq!(assumption_at(&lines), "that \"it\" is so");
    assert_eq!(assumption_at(&["    // Assumed: the end.", "let x = 1;"]), "the end");
    assert_eq!(words("That `it` is: \"SO\""), "that it is so");
}

#[test]
fn every_invariant_names_a_test() {
    let architecture = file(ARCHITECTURE);
    let (_, section) = architecture.split_once("# Invariants").expect("the page has invariants");
    let section = section.split("\n# ").next().unwrap_or_default();
    let mut complaints = Vec::new();
    for row in section.lines().filter(|line| line.starts_with("| ")).skip(1) {
        let test = row.strip_suffix("` |").and_then(|row| row.rsplit_once("`"));
        let Some((module, name)) = test.and_then(|(_, test)| test.rsplit_once("::")) else {
            complaints.push(format!("{ARCHITECTURE}: this row names no test: {row}"));
            continue;
        };
        let paths = match module.ends_with(".rs") {
            true => [module.to_owned(), String::new()],
            false => [format!("tests/it/{module}.rs"), format!("tests/it/{module}/mod.rs")],
        };
        let exists = |path: &String| {
            let source = fs::read_to_string(root().join(path)).unwrap_or_default();
            source.lines().any(|line| has_word(line, name))
        };
        if !paths.iter().any(exists) {
            complaints.push(format!("{ARCHITECTURE}: there is no test `{module}::{name}`"));
        }
    }
    assert_none(&complaints);
}

#[test]
fn the_guide_has_the_layers_in_their_order() {
    let architecture = file(ARCHITECTURE);
    let (_, section) = architecture.split_once("# Layers").expect("the page has the layers");
    let section = section.split("\n# ").next().unwrap_or_default();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    let listed: Vec<_> = rows
        .filter_map(|row| {
            let (name, rest) = row.split_once('`')?;
            let imports = rest.rsplit_once(" | ")?.1;
            let imports: BTreeSet<_> = imports.split('`').skip(1).step_by(2).collect();
            Some((name, imports))
        })
        .collect();
    let layers: Vec<(&str, BTreeSet<&str>)> =
        LAYERS.iter().map(|(name, imports)| (*name, imports.iter().copied().collect())).collect();
    assert_eq!(listed, layers, "{ARCHITECTURE}: bring the table of layers up to date");
}

#[test]
fn every_link_within_the_repository_leads_to_a_file() {
    let mut complaints = Vec::new();
    for file in files().iter().filter(|file| file.path.ends_with(".md")) {
        let folder = root().join(&file.path);
        let folder = folder.parent().expect("a file is in a folder");
        for link in file.text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") && !folder.join(target).exists() {
                complaints.push(format!("{}: there is no `{target}`", file.path));
            }
        }
    }
    assert_none(&complaints);
}

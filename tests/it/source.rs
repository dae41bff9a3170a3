//! Rust source as far as the tidy tests need to understand it: comments, texts, braces and items.

/// A function, the line it begins at, and how many lines it has.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) lines: usize,
}

/// The source with comments, texts and characters blanked out, line by line.
pub(crate) fn code_of(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let length = opaque_length(rest, code.chars().next_back());
        if length > 0 {
            let blank = |c: char| if c == '\n' { '\n' } else { ' ' };
            code.extend(rest[..length].chars().map(blank));
            rest = &rest[length..];
        } else {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    code
}

/// The length of the comment, text or character that the source begins with; 0 if with none.
fn opaque_length(rest: &str, before: Option<char>) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return rest.find("*/").map_or(rest.len(), |end| end + 2);
    }
    if let Some(text) = rest.strip_prefix('"') {
        return 1 + escaped_length(text, '"');
    }
    let is_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if let (Some(raw), false) =
        (rest.strip_prefix('r').or_else(|| rest.strip_prefix("br")), is_word)
    {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let prefix = rest.len() - raw.len() + hashes + 1;
            return rest[prefix..].find(&end).map_or(rest.len(), |at| prefix + at + end.len());
        }
    }
    // A quote begins a character unless it begins a lifetime, which no second quote ends.
    let mut chars = rest.chars();
    if chars.next() == Some('\'') {
        let (first, second) = (chars.next(), chars.next());
        if first == Some('\\') || second == Some('\'') {
            return 1 + escaped_length(&rest[1..], '\'');
        }
    }
    0
}

/// The length up to and with the quote that ends a text with escapes.
fn escaped_length(rest: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in rest.char_indices() {
        if c == quote && !is_escaped {
            return at + c.len_utf8();
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    rest.len()
}

/// The functions of blanked source that have a body, nested ones too.
pub(crate) fn functions_of(code: &str) -> Vec<Function> {
    let mut functions = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let is_word = code[..at].chars().next_back().is_some_and(char::is_alphanumeric);
        let name: String = code[at + 3..].chars().take_while(|c| is_of_name(*c)).collect();
        if is_word || name.is_empty() {
            continue;
        }
        if let Some(length) = body_end(&code[at..]) {
            let lines = code[at..at + length].lines().count();
            let line = code[..at].matches('\n').count() + 1;
            functions.push(Function { name, line, lines });
        }
    }
    functions
}

/// Where the body of a function ends that the code begins with; `None` if it has no body.
fn body_end(code: &str) -> Option<usize> {
    let (mut brackets, mut braces) = (0, 0);
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets -= 1,
            ';' if brackets == 0 && braces == 0 => return None,
            '{' => braces += 1,
            '}' if braces == 1 => return Some(at + 1),
            '}' => braces -= 1,
            _ => {}
        }
    }
    None
}

/// The name of the item that a comment at a line is about: the item below a documentation
/// comment, the function around any other.
pub(crate) fn item_at(lines: &[&str], comment: usize) -> String {
    let below = lines[comment..].iter().map(|line| line.trim_start());
    let mut below = below.skip_while(|line| line.starts_with("//") || line.starts_with("#["));
    let documented = below.next().unwrap_or_default();
    if lines[comment].trim_start().starts_with("///") {
        return name_of(documented);
    }
    // A plain comment directly above an item is about the item, too.
    if ["fn", "const", "struct", "enum"].iter().any(|word| has_keyword(documented, word)) {
        return name_of(documented);
    }
    let above = lines[..comment].iter().rev();
    above
        .map(|line| line.trim_start())
        .find(|line| has_keyword(line, "fn"))
        .map_or_else(|| "the file".to_owned(), name_of)
}

/// The name that a line declares, whatever it declares.
fn name_of(line: &str) -> String {
    let words = line.split(|c: char| !is_of_name(c)).filter(|word| !word.is_empty());
    let keywords = [
        "pub", "crate", "super", "async", "const", "static", "fn", "struct", "enum", "trait",
        "type", "mod",
    ];
    words.into_iter().find(|word| !keywords.contains(word)).unwrap_or_default().to_owned()
}

fn has_keyword(line: &str, keyword: &str) -> bool {
    !line.starts_with("//") && line.split(' ').any(|word| word == keyword)
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[test]
fn comments_texts_and_characters_are_blanked_out() {
    let source = "let a = \"}\\\"\"; // {\nlet b: &'static str = r#\"\"{\"#; let c = '{'; let d = '\\''; f::<'_>()";
    let code = code_of(source);
    assert_eq!(code.lines().count(), 2);
    assert!(!code.contains(['{', '}', '"']), "{code}");
    assert!(code.contains("&'static str") && code.contains("f::<'_>()"), "{code}");
}

#[test]
fn the_lines_of_functions_are_counted() {
    let code =
        "trait T {\n    fn a(x: [u8; 2]);\n    fn b() {\n        if x {}\n    }\n}\nfn c() {}\n";
    let found: Vec<_> = functions_of(code).into_iter().map(|f| (f.name, f.line, f.lines)).collect();
    assert_eq!(found, [("b".to_owned(), 3, 3), ("c".to_owned(), 7, 1)]);
}

#[test]
fn a_comment_belongs_to_the_item_below_or_around_it() {
    let lines =
        ["/// Assumed: a.", "#[must_use]", "pub(crate) const fn a() {", "    // Assumed: b."];
    assert_eq!((item_at(&lines, 0), item_at(&lines, 3)), ("a".to_owned(), "a".to_owned()));
    assert_eq!(item_at(&["    /// Assumed: c.", "    Variant,"], 0), "Variant");
}

//! Assumptions: the table of the guide, compared with the assumed facts of the scripts.

use std::collections::BTreeMap;

use crate::script::header::Header;

/// The page with the table, which the sources of assumed facts name with one of its topics.
pub(crate) const PAGE: &str = "src/guide/fidelity.md";
const HEAD: &str = "| Topic | Assumption | Scripts | Item |";
/// The beginning of the cell of an assumption that no script can check.
const NONE: &str = "none: ";

/// Returns the page with the scripts of each topic, and everything that does not fit together.
pub(crate) fn compare(page: &str, headers: &[Header]) -> (String, Vec<String>) {
    let mut complaints = Vec::new();
    let mut scripts = scripts_by_topic(headers, &mut complaints);
    let mut is_table = false;
    let mut lines = Vec::new();
    for line in page.lines() {
        is_table = line == HEAD || (is_table && line.starts_with('|'));
        let cells = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |"));
        let cells: Vec<&str> = cells.map(|line| line.split(" | ").collect()).unwrap_or_default();
        match cells[..] {
            [topic, text, written, item] if is_table && line != HEAD => {
                let claims = scripts.remove(topic).unwrap_or_default();
                let expected = match claims.is_empty() {
                    false => {
                        claims.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
                    }
                    true => written.to_owned(),
                };
                if claims.is_empty() && !(written.starts_with(NONE) && written.len() > 20) {
                    complaints.push(format!(
                        "{PAGE}: no script assumes {topic:?}; add one, or write `{NONE}` and the \
                         reason why no script can show it"
                    ));
                }
                lines.push(format!("| {topic} | {text} | {expected} | {item} |"));
            }
            _ => lines.push(line.to_owned()),
        }
    }
    complaints.extend(scripts.iter().map(|(topic, claims)| {
        format!("{}: {PAGE} has no assumption {topic:?}", claims.join(", "))
    }));
    (lines.join("\n") + "\n", complaints)
}

/// Returns the claims with assumed facts by the topics that their sources name.
fn scripts_by_topic(
    headers: &[Header],
    complaints: &mut Vec<String>,
) -> BTreeMap<String, Vec<String>> {
    let mut scripts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for Header { claim, facts, .. } in headers {
        for fact in facts {
            let topic = fact.source.strip_prefix("our choice; ").and_then(topic_of);
            match (fact.provenance == "assumed", topic) {
                (true, Some(topic)) => {
                    let claims = scripts.entry(topic.to_owned()).or_default();
                    if !claims.contains(claim) {
                        claims.push(claim.clone());
                    }
                }
                (true, None) => complaints.push(format!(
                    "{claim}: the source of an assumed fact is `our choice; {PAGE}, \"topic\"`, \
                     not `{}`",
                    fact.source
                )),
                (false, Some(_)) => complaints.push(format!("{claim}: our choices are assumed")),
                (false, None) => {}
            }
        }
    }
    scripts
}

/// Returns the topic that a source names: `src/guide/fidelity.md, "Large heads"; …`.
fn topic_of(source: &str) -> Option<&str> {
    source.strip_prefix(PAGE)?.strip_prefix(", \"")?.split_once('"').map(|(topic, _)| topic)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Script;

    const PAGE_OF_ONE: &str = "| Topic | Assumption | Scripts | Item |\n|---|---|---|---|\n| A | a | CELL | `f` in `g` |\n";

    fn header(provenance: &str, source: &str) -> Header {
        let text = format!(
            "claim: x/y\nkind: frame\ncovers: EVENT\nrequires: nothing\nfact: It is so.\n\
             provenance: {provenance}\nsource: {source}\n---\nroom lobby\n---\n"
        );
        Script::parse(&text).expect("it is a script").header
    }

    fn complaints(cell: &str, provenance: &str, source: &str) -> Vec<String> {
        let page = PAGE_OF_ONE.replace("CELL", cell);
        compare(&page, &[header(provenance, source)]).1
    }

    #[test]
    fn the_cell_of_a_topic_has_its_scripts() {
        let source = "our choice; src/guide/fidelity.md, \"A\"; and why";
        let (page, complaints) = compare(PAGE_OF_ONE, &[header("assumed", source)]);
        assert_eq!((page, complaints), (PAGE_OF_ONE.replace("CELL", "`x/y`"), Vec::new()));
    }

    #[test]
    fn a_topic_needs_a_script_or_a_reason() {
        assert!(complaints("-", "documented", "a page")[0].contains("no script assumes \"A\""));
        assert!(complaints("none: no", "documented", "a page")[0].contains("no script assumes"));
        let reason = "none: no client can see it";
        assert_eq!(complaints(reason, "documented", "a page"), Vec::<String>::new());
    }

    #[test]
    fn an_assumed_fact_needs_a_topic_of_the_page() {
        let reason = "none: no client can see it";
        let unknown = "our choice; src/guide/fidelity.md, \"B\"";
        assert!(complaints(reason, "assumed", unknown)[0].contains("has no assumption \"B\""));
        assert!(
            complaints(reason, "assumed", "a page")[0].contains("the source of an assumed fact")
        );
        assert!(complaints(reason, "documented", unknown)[0].contains("our choices are assumed"));
    }
}

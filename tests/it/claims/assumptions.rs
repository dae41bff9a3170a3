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

//! Manifest: the corpus at a glance, and the operations and frames that lack a claim.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::script::header::{Fact, Header, KINDS, PROVENANCES, list};
use crate::script::story::OPERATIONS;

/// Returns the manifest of a corpus.
pub(crate) fn manifest(headers: &[Header]) -> String {
    let mut text = String::from(INTRODUCTION);
    write_areas(&mut text, headers);
    text.push_str("\n# Claims\nclaim | kind | covers | provenance | source | requires\n");
    for header in headers {
        let Header { claim, kind, covers, requires, facts, .. } = header;
        let (covers, requires) = (covers.join(", "), list(requires));
        let (provenances, sources) = (provenances(facts), sources(facts));
        text.push_str(&format!(
            "{claim} | {kind} | {covers} | {provenances} | {sources} | {requires}\n"
        ));
    }
    write_missing(&mut text, headers);
    text
}

const INTRODUCTION: &str = "\
Generated from the headers of the scripts; a test says how to bring it up to date.
README.md explains the words.
";

/// Writes how many claims and facts each area has.
fn write_areas(text: &mut String, headers: &[Header]) {
    let mut areas: BTreeMap<&str, Vec<&Header>> = BTreeMap::new();
    for header in headers {
        let area = header.claim.split('/').next().unwrap_or_default();
        areas.entry(area).or_default().push(header);
    }
    let _ = write!(text, "\n# Areas\narea | claims | {}\n", PROVENANCES.join(" | "));
    let all = ("all", headers.iter().collect());
    for (area, headers) in areas.into_iter().chain([all]) {
        let facts = || headers.iter().flat_map(|header| &header.facts);
        let counts = PROVENANCES
            .map(|word| facts().filter(|fact| fact.provenance == word).count().to_string());
        let _ = writeln!(text, "{area} | {} | {}", headers.len(), counts.join(" | "));
    }
}

/// Returns how many facts have which provenance: `2 documented, 1 assumed`.
fn provenances(facts: &[Fact]) -> String {
    let count = |word: &str| facts.iter().filter(|fact| fact.provenance == word).count();
    let counts = PROVENANCES.iter().map(|word| (count(word), word)).filter(|(count, _)| *count > 0);
    counts.map(|(count, word)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
}

/// Returns the sources of facts with their dates, each once.
fn sources(facts: &[Fact]) -> String {
    let mut sources = Vec::new();
    for Fact { source, date, .. } in facts {
        let date = date.as_ref().map(|date| format!(" ({date})"));
        let source = format!("{source}{}", date.unwrap_or_default());
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    sources.join("; ")
}

/// Writes the operations and frames without a claim of a kind that applies to them.
fn write_missing(text: &mut String, headers: &[Header]) {
    let claimed = |kind: &str, subject: &str| {
        let of_kind = headers.iter().filter(|header| header.kind == kind);
        of_kind.flat_map(|header| &header.covers).any(|covered| covered == subject)
    };
    text.push_str("\n# Missing\nkind | has a claim | lacks a claim, although the kind applies\n");
    for (kind, subjects) in applicable() {
        let (has, lacks): (Vec<&str>, Vec<&str>) =
            subjects.iter().copied().partition(|subject| claimed(kind, subject));
        let lacks = if lacks.is_empty() { "nothing".into() } else { lacks.join(", ") };
        let _ = writeln!(text, "{kind} | {} of {} | {lacks}", has.len(), subjects.len());
    }
}

/// The operations and frames to which each kind applies.
fn applicable() -> BTreeMap<&'static str, Vec<&'static str>> {
    let kinds = KINDS.into_iter().filter(|kind| *kind != "mock");
    kinds.map(|kind| (kind, subjects(kind))).collect()
}

fn subjects(kind: &str) -> Vec<&'static str> {
    const ACTIONS: &str = "SEND_MESSAGE DELETE_MESSAGE DISCONNECT_USER";
    let operations_except = |excluded: &[&str]| {
        OPERATIONS.into_iter().filter(|name| !excluded.contains(name)).collect::<Vec<_>>()
    };
    let named = |names: &'static str| names.split_whitespace();
    match kind {
        "stub" => operations_except(&[]),
        "validation" | "quota" => [operations_except(&[]), named(ACTIONS).collect()].concat(),
        // ListLoggingConfigurations cannot fail but for permissions and invalid members, and
        // ListRooms does not look for the resources by which it filters.
        "error response" => {
            let lists = ["ListLoggingConfigurations", "ListRooms"];
            [operations_except(&lists), named(ACTIONS).chain(["ERROR"]).collect()].concat()
        }
        "pagination" => named("ListRooms ListLoggingConfigurations").collect(),
        "parameter ignored" => named(
            "CreateChatToken CreateLoggingConfiguration CreateRoom DeleteMessage DisconnectUser \
             ListRooms SendEvent UpdateLoggingConfiguration UpdateRoom SEND_MESSAGE",
        )
        .collect(),
        "wrong behavior" => named(
            "CreateChatToken CreateRoom DeleteLoggingConfiguration DeleteRoom SendEvent \
             TagResource UntagResource UpdateLoggingConfiguration UpdateRoom",
        )
        .collect(),
        "member omitted" => named(
            "CreateLoggingConfiguration CreateRoom DeleteMessage DisconnectUser \
             GetLoggingConfiguration GetRoom ListLoggingConfigurations ListRooms \
             ListTagsForResource SendEvent UpdateLoggingConfiguration UpdateRoom SEND_MESSAGE \
             DELETE_MESSAGE DISCONNECT_USER MESSAGE EVENT ERROR",
        )
        .collect(),
        "time form" => named(
            "CreateChatToken CreateLoggingConfiguration CreateRoom GetLoggingConfiguration \
             GetRoom ListLoggingConfigurations ListRooms UpdateLoggingConfiguration UpdateRoom \
             MESSAGE EVENT",
        )
        .collect(),
        // Lists have no identifiers in their requests, but in their responses.
        "id form" => [operations_except(&[]), named("MESSAGE EVENT ERROR").collect()].concat(),
        "handshake" => vec!["handshake"],
        "frame" => named(ACTIONS).chain(named("MESSAGE EVENT ERROR ping")).collect(),
        "order" => {
            named("ListRooms ListLoggingConfigurations SEND_MESSAGE MESSAGE EVENT").collect()
        }
        "timing" => named("CreateChatToken SEND_MESSAGE handshake close").collect(),
        "review" => named(
            "CreateRoom UpdateRoom SendEvent SEND_MESSAGE DELETE_MESSAGE DISCONNECT_USER MESSAGE \
             EVENT ERROR",
        )
        .collect(),
        "close" => named("DeleteRoom DisconnectUser DISCONNECT_USER close").collect(),
        _ => Vec::new(),
    }
}

#[test]
fn each_kind_but_that_of_the_mock_applies_to_something() {
    for (kind, subjects) in applicable() {
        assert!(!subjects.is_empty(), "say what the kind `{kind}` applies to");
    }
}

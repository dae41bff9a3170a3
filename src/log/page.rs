//! The page: the log as a sequence diagram in one HTML file that needs nothing else.

use std::fmt::{self, Write as _};

use serde_json::Value;

use crate::log::entry::{Direction, Entry, EntryKind};
use crate::log::export::exact;
use crate::log::lint::Finding;
use crate::log::summary;
use crate::log::timeline::{Columns, elapsed, next_row};

/// The log as a page, below the text of a failure unless that is empty. Findings may be about any
/// of the entries.
pub(crate) fn html(title: &str, failure: &str, entries: &[Entry], findings: &[Finding]) -> String {
    Page { title, failure, entries, findings }.to_string()
}

struct Page<'a> {
    title: &'a str,
    failure: &'a str,
    entries: &'a [Entry],
    findings: &'a [Finding],
}

impl fmt::Display for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { title, failure, entries: all, findings } = *self;
        let entries = &all[all.len().saturating_sub(MOST_ENTRIES)..];
        let (columns, omitted) = Columns::of(entries, MOST_LANES);
        let title = Escaped(title);
        write!(
            f,
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
             <style>\n{STYLE}</style>\n<body style=\"--lanes: {}\">\n<h1>{title}</h1>\n",
            columns.titles().len() + 1
        )?;
        if !failure.is_empty() {
            writeln!(f, "<pre class=\"failure\">{}</pre>", Escaped(failure.trim_end()))?;
        }
        f.write_str("<p>")?;
        write!(f, "{} entries", all.len())?;
        if entries.len() < all.len() {
            write!(f, ", of which the last {} are shown", entries.len())?;
        }
        if omitted > 0 {
            write!(f, ", without those of {omitted} more connections")?;
        }
        write!(
            f,
            ". Times are seconds on the clock of the mock. A row unfolds when it is clicked, \
             and the search of the browser finds text in all rows.</p>\n\
             <div class=\"head\"><span></span><span></span><div class=\"lanes\"><span>IVS Chat</span>"
        )?;
        for lane in columns.titles() {
            write!(f, "<span>{}</span>", Escaped(lane))?;
        }
        f.write_str("</div><span></span></div>\n")?;
        write_filter(f, columns.titles())?;
        let mut rest = entries;
        while let Some((row, following)) = next_row(rest) {
            rest = following;
            write_row(f, row, entries, &columns, findings)?;
        }
        if !findings.is_empty() {
            f.write_str("<h2>Lint</h2>\n<ul>\n")?;
            for finding in findings {
                writeln!(f, "<li>{}</li>", Escaped(&finding.to_string()))?;
            }
            f.write_str("</ul>\n")?;
        }
        f.write_str("</body>\n</html>\n")?;
        Ok(())
    }
}

/// Writes the choices of a kind and a lane. They hide rows by styles alone, without a script.
fn write_filter(f: &mut fmt::Formatter<'_>, lanes: &[String]) -> fmt::Result {
    f.write_str("<div class=\"filter\">")?;
    for (index, (class, words)) in CHOICES.into_iter().enumerate() {
        let checked = if index == 0 { " checked" } else { "" };
        write!(
            f,
            "<label><input type=\"radio\" name=\"kind\" id=\"only-{class}\"{checked}> {words}</label>"
        )?;
    }
    f.write_str(
        "</div>\n<div class=\"filter\"><label><input type=\"radio\" name=\"lane\" checked> ",
    )?;
    f.write_str("all lanes</label>")?;
    for (lane, title) in lanes.iter().enumerate() {
        write!(
            f,
            "<label><input type=\"radio\" name=\"lane\" id=\"only-lane-{lane}\"> {}</label>",
            Escaped(title)
        )?;
    }
    f.write_str("</div>\n<style>\n")?;
    for lane in 0..lanes.len() {
        write!(f, "body:has(#only-lane-{lane}:checked) details:not(.lane-{lane})")?;
        f.write_str(" { display: none; }\n")?;
    }
    f.write_str("</style>\n")
}

/// The kind of an entry, as the page filters by it.
const fn kind_of(entry: &Entry) -> &'static str {
    match entry.kind() {
        EntryKind::FrameReceived | EntryKind::FrameSent => "frame",
        EntryKind::Request | EntryKind::Response => "call",
        EntryKind::HookFired => "hook",
        _ => "other",
    }
}

fn write_row(
    f: &mut fmt::Formatter<'_>,
    row: &[Entry],
    all: &[Entry],
    columns: &Columns,
    findings: &[Finding],
) -> fmt::Result {
    let first = &row[0];
    let lanes: Vec<usize> = row.iter().filter_map(|entry| columns.of_entry(entry)).collect();
    let mut class = kind_of(first).to_owned();
    if summary::is_trouble(first) {
        class.push_str(" trouble");
    }
    for lane in &lanes {
        class.push_str(&format!(" lane-{lane}"));
    }
    let seconds = elapsed(all, first).as_secs_f64();
    write!(
        f,
        "<details class=\"{class}\"><summary><span class=\"number\">#{}</span>\
         <span class=\"time\">+{seconds:.3}</span><div class=\"lanes\">",
        first.index()
    )?;
    let words = summary::of(first);
    let way = match first.direction() {
        Some(Direction::Inbound) => "in",
        _ => "out",
    };
    for lane in &lanes {
        // Only the longest of several arrows has room for the words that belong to all.
        let words = if lanes.iter().max() == Some(lane) { words.as_str() } else { "" };
        let label =
            if words.is_empty() { String::new() } else { format!("<b>{}</b>", Escaped(words)) };
        write!(
            f,
            "<div class=\"arrow {way}\" style=\"grid-column: 1 / {}\">{label}</div>",
            lane + 3
        )?;
    }
    if lanes.is_empty() {
        write!(f, "<div class=\"note\">{}</div>", Escaped(&words))?;
    }
    f.write_str("</div><span>")?;
    for finding in findings {
        if row.iter().any(|entry| entry.index() == finding.entry) {
            write!(f, "<span class=\"badge\">{}</span>", finding.lint)?;
        }
    }
    writeln!(f, "</span></summary><pre>{}</pre></details>", Escaped(&detail(first)))
}

/// Everything about an entry, JSON laid out for reading.
fn detail(entry: &Entry) -> String {
    let mut members = exact(entry);
    members.remove("summary");
    let text = members.remove("text");
    let text = text.as_ref().and_then(Value::as_str).unwrap_or_default();
    let laid_out = serde_json::from_str::<Value>(text).map(|value| format!("{value:#}"));
    let frame = laid_out.unwrap_or_else(|_| text.to_owned());
    let mut detail = String::new();
    for (name, value) in &members {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        detail.push_str(&format!("{name}: {value}\n"));
    }
    detail.push_str(&frame);
    detail.trim_end().to_owned()
}

/// A text in which nothing is HTML.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

const STYLE: &str = include_str!("page.css");
/// The kinds of rows that can be chosen, by their class, and in words.
const CHOICES: [(&str, &str); 6] = [
    ("all", "all entries"),
    ("frame", "frames"),
    ("call", "calls"),
    ("hook", "hooks"),
    ("other", "others"),
    ("trouble", "trouble"),
];
const MOST_ENTRIES: usize = 2_000;
const MOST_LANES: usize = 40;

//! The page: the log as a sequence diagram in one HTML file that needs nothing else.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use serde_json::Value;

use crate::log::entry::{Direction, Entry, EntryKind};
use crate::log::escape::escaped;
use crate::log::explain;
use crate::log::export::exact;
use crate::log::export::mock_of;
use crate::log::legend::Legend;
use crate::log::lint::Finding;
use crate::log::page_filter::{Filters, Users};
use crate::log::secrets::{TokenLabels, hide};
use crate::log::summary;
use crate::log::timeline::{Columns, elapsed, next_row};

/// The parts of a page. Findings may be about any of the entries.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    pub(crate) title: &'a str,
    /// The text of a failure, with which the page starts; empty if there is none.
    pub(crate) failure: &'a str,
    /// The lanes that the failure is about. They come first.
    pub(crate) lanes: &'a [String],
    pub(crate) entries: &'a [Entry],
    pub(crate) findings: &'a [Finding],
}

impl Page<'_> {
    /// Returns the page as HTML.
    pub(crate) fn html(&self) -> String {
        let mut html = String::new();
        self.write(&mut html).expect("a string takes any text");
        html
    }

    fn write(&self, html: &mut String) -> fmt::Result {
        let mut labels = TokenLabels::new();
        let all = self.entries;
        // The last ones, because a failure is most often about the end of the log.
        let entries = &all[all.len().saturating_sub(MOST_ENTRIES)..];
        let (columns, omitted) = Columns::starting_with(self.lanes, entries, MOST_LANES);
        let (users, rows) = (Users::of(entries, &columns), row_numbers(entries));
        let title = Escaped(self.title);
        write!(
            html,
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
             <style>\n{STYLE}{}</style>\n<body style=\"--lanes: {}\">\n<h1>{title}</h1>\n",
            users.styles(),
            columns.titles().len() + 1
        )?;
        // Labels of tokens are numbered in the order in which a reader meets them, so the parts are
        // labeled in the order of the page.
        if !self.failure.is_empty() {
            let failure = labels.label(self.failure).into_owned();
            let failure = Linked { text: failure.trim_end(), rows: &rows };
            writeln!(html, "<pre class=\"failure\">{failure}</pre>")?;
        }
        write!(html, "<p>{}", count(all.len()))?;
        if entries.len() < all.len() {
            write!(html, ", of which the last {} are shown", entries.len())?;
        }
        if !omitted.is_empty() {
            write!(html, ", without those of {} more connections", omitted.len())?;
        }
        html.push_str(
            ". Times are seconds on the mock clock. A row unfolds when it is clicked. To find a \
             frame by its text, use the search of the browser, which also unfolds rows.</p>\n",
        );
        writeln!(html, "{}", Filters(&users))?;
        write_head(html, &columns)?;
        let mock = mock_of(entries);
        let mut rest = entries;
        while let Some((row, following)) = next_row(rest) {
            rest = following;
            let row = Row { entries: row, all: entries, columns: &columns, users: &users };
            let row = row.html(self.findings, &mut labels)?;
            // Some parts show texts as they are, such as those of hooks.
            html.push_str(&labels.label(&hide(mock, &row)));
        }
        let mut legend = Legend::default();
        legend.add(entries);
        let list = List { rows: &rows, labels: &mut labels };
        list.write(html, "Hooks that have fired", &legend.lines())?;
        let list = List { rows: &rows, labels: &mut labels };
        list.write(html, "Lint", &explain::merged(self.findings))?;
        html.push_str("</body>\n</html>\n");
        Ok(())
    }
}

/// A list of lines below the rows.
struct List<'a> {
    rows: &'a BTreeSet<u64>,
    labels: &'a mut TokenLabels,
}

impl List<'_> {
    fn write(self, html: &mut String, heading: &str, lines: &[String]) -> fmt::Result {
        if lines.is_empty() {
            return Ok(());
        }
        writeln!(html, "<h2>{heading}</h2>\n<ul>")?;
        for line in lines.iter().take(MOST_LINES) {
            let line = Linked { text: &self.labels.label(line), rows: self.rows };
            writeln!(html, "<li>{line}</li>")?;
        }
        html.push_str("</ul>\n");
        match lines.len().saturating_sub(MOST_LINES) {
            0 => Ok(()),
            more => writeln!(html, "<p>… and {more} more</p>"),
        }
    }
}

fn count(entries: usize) -> String {
    format!("{entries} {}", if entries == 1 { "entry" } else { "entries" })
}

/// Returns the numbers of the rows that some entries make.
fn row_numbers(entries: &[Entry]) -> BTreeSet<u64> {
    let mut numbers = BTreeSet::new();
    let mut rest = entries;
    while let Some((row, following)) = next_row(rest) {
        rest = following;
        numbers.insert(row[0].index());
    }
    numbers
}

fn write_head(html: &mut String, columns: &Columns) -> fmt::Result {
    html.push_str(
        "<div class=\"head\"><span></span><span></span><div class=\"lanes\"><span>IVS Chat</span>",
    );
    for lane in columns.titles() {
        write!(html, "<span>{}</span>", Escaped(lane))?;
    }
    html.push_str("</div><span></span></div>\n");
    Ok(())
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

/// Consecutive entries that are the same frame.
struct Row<'a> {
    entries: &'a [Entry],
    all: &'a [Entry],
    columns: &'a Columns,
    users: &'a Users,
}

impl Row<'_> {
    fn html(&self, findings: &[Finding], labels: &mut TokenLabels) -> Result<String, fmt::Error> {
        let first = &self.entries[0];
        let detail = detail(self.entries, labels);
        let mut html = String::new();
        write!(
            html,
            "<details class=\"{}\" id=\"e{number}\"><summary><span class=\"number\">#{number}\
             </span><span class=\"time\">+{:.3}</span><div class=\"lanes\">",
            self.classes(),
            elapsed(self.all, first).as_secs_f64(),
            number = first.index(),
        )?;
        self.write_arrows(&mut html)?;
        html.push_str("</div><span>");
        for finding in findings {
            if self.entries.iter().any(|entry| entry.index() == finding.entry) {
                write!(html, "<span class=\"badge\">{}</span>", finding.lint)?;
            }
        }
        writeln!(html, "</span></summary><pre>{}</pre></details>", Escaped(&detail))?;
        Ok(html)
    }

    fn classes(&self) -> String {
        let mut classes = kind_of(&self.entries[0]).to_owned();
        if summary::is_trouble(&self.entries[0]) {
            classes.push_str(" trouble");
        }
        let users: BTreeSet<_> =
            self.entries.iter().filter_map(|entry| self.users.number_of(entry)).collect();
        for user in users {
            classes.push_str(&format!(" user-{user}"));
        }
        classes
    }

    fn write_arrows(&self, html: &mut String) -> fmt::Result {
        let first = &self.entries[0];
        let words = summary::of(first);
        let way = match first.direction() {
            Some(Direction::Inbound) => "in",
            _ => "out",
        };
        let lanes = self.entries.iter().filter_map(|entry| {
            let user = self.users.number_of(entry).unwrap_or_default();
            Some((self.columns.of_entry(entry)?, user))
        });
        let mut lanes: Vec<(usize, usize)> = lanes.collect();
        // By lane, so the first one names the row and the last one is the longest arrow.
        lanes.sort_unstable();
        let Some((first_lane, _)) = lanes.first() else {
            return write!(html, "<div class=\"note\">{}</div>", Escaped(&words));
        };
        let whose = whose(&self.columns.titles()[*first_lane], lanes.len() - 1);
        for (index, (lane, user)) in lanes.iter().enumerate() {
            let end = lane + 3;
            write!(html, "<div class=\"arrow {way} of-{user}\" style=\"grid-column: 1 / {end}\">")?;
            // The longest of several arrows has the most room for the words.
            if index + 1 == lanes.len() {
                write!(html, "<b><i>{}</i>{}</b>", Escaped(&whose), Escaped(&words))?;
            }
            html.push_str("</div>");
        }
        Ok(())
    }
}

/// Returns the name of a lane without its room. A narrow screen shows it, because the end of the
/// arrow may not be visible there.
fn whose(lane: &str, more: usize) -> String {
    let name = lane.split(" (").next().unwrap_or(lane);
    if more > 0 { format!("{name} + {more}: ") } else { format!("{name}: ") }
}

/// Everything about an entry, JSON laid out for reading.
fn detail(row: &[Entry], labels: &mut TokenLabels) -> String {
    let mut members = exact(&row[0], labels);
    // The first line of the row shows it already.
    members.remove("summary");
    if row.len() > 1 {
        let names = row.iter().filter_map(|entry| Some(entry.record.peer.as_ref()?.label.as_str()));
        let names = names.collect::<Vec<_>>().join(", ");
        // The frame is the same for all, but these members are those of the first recipient.
        members.remove("connection");
        members.remove("user_id");
        members.insert("connections".into(), names.into());
    }
    let text = members.remove("text");
    let text = text.as_ref().and_then(Value::as_str).unwrap_or_default();
    // A text that is not JSON, such as a corrupted frame, is shown as it is.
    let laid_out = serde_json::from_str::<Value>(text).map(|value| format!("{value:#}"));
    let frame = laid_out.unwrap_or_else(|_| text.to_owned());
    let mut detail = String::new();
    for (name, value) in &members {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        detail.push_str(&format!("{name}: {}\n", escaped(&value)));
    }
    detail.push_str(&frame);
    detail.trim_end().to_owned()
}

/// A failure whose numbers of rows, such as `#7`, are links to them.
struct Linked<'a> {
    text: &'a str,
    rows: &'a BTreeSet<u64>,
}

impl fmt::Display for Linked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.text;
        while let Some((before, after)) = rest.split_once('#') {
            Escaped(before).fmt(f)?;
            let digits = after.bytes().take_while(u8::is_ascii_digit).count();
            let (number, following) = after.split_at(digits);
            match number.parse() {
                // A link to a row that the page does not show would lead nowhere.
                Ok(row) if self.rows.contains(&row) => {
                    write!(f, "<a href=\"#e{row}\">#{number}</a>")?;
                }
                _ => write!(f, "#{number}")?,
            }
            rest = following;
        }
        Escaped(rest).fmt(f)
    }
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
                // All attributes are in double quotes, so a single quote needs no escape.
                '"' => f.write_str("&quot;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

const STYLE: &str = include_str!("page.css");
const MOST_ENTRIES: usize = 2_000;
const MOST_LANES: usize = 40;
/// How many lines a list below the rows has.
const MOST_LINES: usize = 200;

//! Page: an exploration as one HTML file that needs no other.

use std::fmt::Write as _;

use crate::explore::exploration::{Exploration, Verdict};
use crate::explore::failure::Failure;
use crate::explore::fault::Family;
use crate::explore::report;
use crate::explore::table::{self, Cell, Row};
use crate::log::explain::counted;
use crate::log::page::Escaped;

/// Writes the page. The table comes first; each cell with a failure leads to its transcript below.
pub(crate) fn page(exploration: &Exploration) -> String {
    let title = match exploration.test.as_str() {
        "main" => "Exploration",
        test => test,
    };
    let title = Escaped(title);
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n<body>\n<h1>{title}</h1>\n"
    );
    push(&mut html, format_args!("<p>{}</p>\n", Escaped(&report::summary(exploration))));
    for problem in &exploration.problems {
        push(&mut html, format_args!("<p class=\"problem\">{}</p>\n", Escaped(problem)));
    }
    for note in &exploration.notes {
        push(&mut html, format_args!("<p class=\"quiet\">{}</p>\n", Escaped(note)));
    }
    if !exploration.singles.is_empty() {
        write_table(&mut html, exploration);
    }
    if let Some(line) = report::several(exploration) {
        push(&mut html, format_args!("<p>{}</p>\n", Escaped(&line)));
    }
    for (number, group) in exploration.groups(false).iter().enumerate() {
        write_group(&mut html, exploration, &format!("{}. ", number + 1), group);
    }
    for group in exploration.groups(true) {
        write_group(&mut html, exploration, "Expected: ", &group);
    }
    html.push_str("</body>\n</html>\n");
    html
}

fn push(html: &mut String, text: std::fmt::Arguments<'_>) {
    html.write_fmt(text).expect("a string takes any text");
}

fn write_table(html: &mut String, exploration: &Exploration) {
    let (rows, columns) = table::rows(exploration);
    html.push_str("<div class=\"wide\"><table>\n<thead><tr><th>point</th><th>event</th>");
    for family in &columns {
        push(html, format_args!("<th class=\"fault\">{}</th>", family.title()));
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for (row, sighting) in rows.iter().zip(&exploration.sightings) {
        push(
            html,
            format_args!(
                "<tr><td class=\"point\">{}</td><td class=\"event\">{}</td>",
                Escaped(&row.point),
                Escaped(&row.what)
            ),
        );
        for family in &columns {
            write_cell(html, exploration, row, *family, &sighting.point);
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table></div>\n");
    push(html, format_args!("<p class=\"quiet\">{}</p>\n", Escaped(&table::legend(exploration))));
}

fn write_cell(
    html: &mut String,
    exploration: &Exploration,
    row: &Row,
    family: Family,
    point: &crate::explore::point::Point,
) {
    let Some(cell) = row.cells.get(&family) else {
        return html.push_str("<td></td>");
    };
    let class = match cell {
        Cell::Skipped => "skipped",
        Cell::NoEffect => "no-effect",
        Cell::Survived => "survived",
        Cell::Expected => "expected",
        Cell::NotReached => "not-reached",
        Cell::Failed => "failed",
    };
    let mut faults = Vec::new();
    let mut first_failure = None;
    for (case, verdict) in exploration.at(point) {
        let Some(injection) = case.0.first().filter(|first| first.fault.family() == family) else {
            continue;
        };
        let symbol = table::cell(exploration, verdict).symbol();
        faults.push(format!("{symbol} {}", injection.fault));
        if let Verdict::Failed(number) = verdict {
            // The link leads to the worst, so an unexpected failure goes first.
            let is_expected = exploration.failures[number].is_expected;
            first_failure = match first_failure {
                Some((false, _)) => first_failure,
                Some(_) if is_expected => first_failure,
                _ => Some((is_expected, case)),
            };
        }
    }
    let title = faults.join("\n");
    push(html, format_args!("<td class=\"cell {class}\" title=\"{}\">", Escaped(&title)));
    match first_failure {
        Some((_, case)) => push(
            html,
            format_args!(
                "<a href=\"#{}\" aria-label=\"{}\">{}</a>",
                anchor(&case.to_string()),
                Escaped(&case.to_string()),
                cell.symbol()
            ),
        ),
        None => html.push(cell.symbol()),
    }
    html.push_str("</td>");
}

/// Returns the text of a case as an anchor. Percent signs would be decoded in a link.
fn anchor(case: &str) -> String {
    // A browser decodes percent encoding in a link, so the target would not be found. No name has a
    // `~`, because that is percent-encoded as well.
    format!("case-{}", case.replace('%', "~"))
}

fn write_group(html: &mut String, exploration: &Exploration, start: &str, group: &[&Failure]) {
    // A group has the failures with the same kind of first reason, so one of them stands for all.
    let Some(cause) = group.first().and_then(|failure| failure.causes.first()) else { return };
    let cause = cause.to_string();
    let headline = cause.lines().next().unwrap_or_default();
    push(html, format_args!("<h2>{start}{}</h2>\n", Escaped(headline)));
    push(html, format_args!("<p class=\"quiet\">{}</p>\n", counted(group.len(), "case")));
    for (index, failure) in group.iter().enumerate() {
        // The first failure of a group is the simplest one.
        let open = if index == 0 { " open" } else { "" };
        let case = failure.case();
        push(
            html,
            format_args!(
                "<details id=\"{}\"{open}><summary><code>{}</code></summary><div>\n",
                anchor(&case),
                Escaped(&case)
            ),
        );
        for reason in failure.reasons() {
            push(html, format_args!("<p>{}</p>\n", Escaped(&reason)));
        }
        let command = report::command(exploration, failure);
        push(html, format_args!("<span class=\"command\">{}</span>\n<pre>", Escaped(&command)));
        for line in failure.excerpt().lines() {
            match line.chars().next() {
                Some('!') => {
                    push(html, format_args!("<span class=\"fault\">{}</span>\n", Escaped(line)));
                }
                Some('>') => push(
                    html,
                    format_args!("<span class=\"difference\">{}</span>\n", Escaped(line)),
                ),
                _ => push(html, format_args!("{}\n", Escaped(line))),
            }
        }
        html.push_str("</pre></div></details>\n");
    }
}

const STYLE: &str = include_str!("page.css");

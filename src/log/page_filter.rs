//! The filters of a page: by user and by kind. They hide rows by styles alone, without a script.

use std::fmt;

use crate::log::entry::Entry;
use crate::log::escape::escaped;
use crate::log::page::Escaped;
use crate::log::timeline::{Columns, title};

/// The users that a page can be filtered by, and the callers of the control plane.
#[derive(Debug)]
pub(crate) struct Users {
    /// Each user, with the lanes of its connections.
    users: Vec<(String, Vec<usize>)>,
    lanes: usize,
}

impl Users {
    pub(crate) fn of(entries: &[Entry], columns: &Columns) -> Self {
        let mut users: Vec<(String, Vec<usize>)> = Vec::new();
        for entry in entries {
            let (Some(name), Some(lane)) = (name_of(entry), columns.of_entry(entry)) else {
                continue;
            };
            match users.iter_mut().find(|(known, _)| *known == name) {
                Some((_, lanes)) if lanes.contains(&lane) => {}
                Some((_, lanes)) => lanes.push(lane),
                None => users.push((name, vec![lane])),
            }
        }
        // The order of the lanes is that of their relevance.
        users.sort_by_key(|(_, lanes)| lanes.iter().copied().min());
        Self { users, lanes: columns.titles().len() }
    }

    pub(crate) fn number_of(&self, entry: &Entry) -> Option<usize> {
        let name = name_of(entry)?;
        self.users.iter().position(|(known, _)| *known == name)
    }

    /// Returns the styles that apply the choice of a user: its rows, and only its lanes.
    pub(crate) fn styles(&self) -> String {
        let mut styles = String::new();
        // Classes have the numbers of users, because a user ID may have characters that CSS does
        // not take.
        for (user, (_, lanes)) in self.users.iter().enumerate() {
            let chosen = format!("body:has(#user option[value=\"{user}\"]:checked)");
            let width = |lane| if lanes.contains(&lane) { " var(--lane)" } else { " 0" };
            let widths: String = (0..self.lanes).map(width).collect();
            styles.push_str(&format!(
                "{chosen} details:not(.user-{user}) {{ display: none; }}\n\
                 {chosen} .arrow:not(.of-{user})::after {{ display: none; }}\n\
                 {chosen} .lanes {{ grid-template-columns: var(--lane){widths}; }}\n"
            ));
        }
        styles
    }
}

/// Returns the user of an entry, or the caller if it is a call.
fn name_of(entry: &Entry) -> Option<String> {
    entry.user_id().map(|user_id| escaped(user_id).into_owned()).or_else(|| title(entry))
}

/// The fields by which a page is filtered.
pub(crate) struct Filters<'a>(pub(crate) &'a Users);

impl fmt::Display for Filters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "<form class=\"filter\"><label>Show \
             <select id=\"kind\"><option value=\"all\">all kinds</option>",
        )?;
        for (class, words) in KINDS {
            write!(f, "<option value=\"{class}\">{words}</option>")?;
        }
        f.write_str(
            "</select></label> <label>of <select id=\"user\">\
             <option value=\"all\">all users</option>",
        )?;
        for (user, (name, _)) in self.0.users.iter().enumerate() {
            write!(f, "<option value=\"{user}\">{}</option>", Escaped(name))?;
        }
        f.write_str(
            "</select></label> <label><input type=\"checkbox\" id=\"unfold\"> unfold all rows\
             </label></form>",
        )
    }
}

/// The kinds of rows that can be chosen, by their class, and in words.
const KINDS: [(&str, &str); 5] = [
    ("frame", "frames"),
    ("call", "calls"),
    ("hook", "hooks"),
    ("other", "other entries"),
    ("trouble", "errors and faults"),
];

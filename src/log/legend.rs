//! Legend: the hooks that fired in a part of the log, with the lines of the test that have them.

use std::fmt;
use std::sync::Arc;

use crate::hook::origin::HookOrigin;
use crate::log::entry::Entry;
use crate::log::escape::escaped;
use crate::log::record::Event;
use crate::log::secrets::hide;
use crate::log::timeline::WIDEST;
use crate::log::width::{clipped, middle_clipped, width};

/// The hooks that fired, in the order in which they first did.
#[derive(Debug, Default)]
pub(crate) struct Legend<'a> {
    hooks: Vec<Fired<'a>>,
}

/// A hook, and the entries at which it fired.
#[derive(Debug)]
struct Fired<'a> {
    mock: u64,
    origin: &'a Arc<HookOrigin>,
    entries: Vec<u64>,
}

impl<'a> Legend<'a> {
    pub(crate) fn add(&mut self, entries: &'a [Entry]) {
        for entry in entries {
            let Event::HookFired(fired) = &entry.record.event else { continue };
            let origin = &fired.hook;
            // By identity: two hooks may have the same name, and even the same line in a loop.
            match self.hooks.iter_mut().find(|hook| Arc::ptr_eq(hook.origin, origin)) {
                Some(hook) => hook.entries.push(entry.index()),
                None => self.hooks.push(Fired {
                    mock: entry.mock,
                    origin,
                    entries: vec![entry.index()],
                }),
            }
        }
    }
}

impl Legend<'_> {
    /// Returns a line for each hook. The lines have marks in the place of tokens.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.hooks.iter().map(Fired::line).collect()
    }
}

impl fmt::Display for Legend<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.hooks.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nhooks that have fired:")?;
        self.hooks.iter().take(MOST_HOOKS).try_for_each(|hook| writeln!(f, "  {}", hook.line()))?;
        match self.hooks.len().saturating_sub(MOST_HOOKS) {
            0 => Ok(()),
            more => writeln!(f, "  … and {more} more"),
        }
    }
}

impl Fired<'_> {
    fn line(&self) -> String {
        let first = self.entries.iter().take(MOST_ENTRIES).map(|number| format!("#{number}"));
        let mut numbers = first.collect::<Vec<_>>().join(", ");
        if self.entries.len() > MOST_ENTRIES {
            numbers.push_str(&format!(" and {} more", self.entries.len() - MOST_ENTRIES));
        }
        // There are at most `MOST_ENTRIES` numbers, so they leave room for the rest of the line.
        let room = WIDEST - "   at , fired at ".len() - numbers.len();
        // The place is more useful than the calls, which are there.
        let place = self.origin.written_at.to_string();
        let place = middle_clipped(&place, room.saturating_sub(SHORTEST_HOOK));
        // Before they are cut: half of a token could not be recognized.
        let [title, calls] = [&self.origin.title(), &*self.origin.description]
            .map(|text| escaped(&hide(self.mock, text)).into_owned());
        let hook = format!("{}: {calls}", clipped(&title, LONGEST_TITLE));
        let hook = clipped(&hook, room.saturating_sub(width(&place)));
        format!("{hook} at {place}, fired at {numbers}")
    }
}

/// How many hooks are named.
const MOST_HOOKS: usize = 6;

/// How many entries are named at which a hook fired.
const MOST_ENTRIES: usize = 4;

/// How many columns the name of a hook has at most.
const LONGEST_TITLE: usize = 40;

/// How many columns are left for the hook, however long its place is.
const SHORTEST_HOOK: usize = 24;

#[cfg(test)]
mod tests {
    use std::panic::Location;

    use super::*;

    fn line(name: &str, description: &str, entries: &[u64]) -> String {
        let origin = Arc::new(HookOrigin {
            name: name.into(),
            is_named: true,
            description: description.into(),
            written_at: Location::caller(),
        });
        Fired { mock: 0, origin: &origin, entries: entries.to_vec() }.line()
    }

    #[test]
    fn a_line_keeps_the_place_and_the_entries() {
        let shown = line("deny", "on_action().ignore()", &[5, 9]);
        assert!(shown.starts_with("hook \"deny\": on_action().ignore() at src/"), "{shown}");
        assert!(shown.ends_with(", fired at #5, #9"), "{shown}");
        let many: Vec<u64> = (1_000_000..2_000_000).collect();
        for name in ["deny", &"long ".repeat(40), &"世".repeat(40)] {
            let shown = line(name, &"on_action()".repeat(20), &many);
            assert!(width(&shown) <= WIDEST - 2, "{shown}");
            assert!(shown.contains(" at src/") && shown.contains("legend.rs:"), "{shown}");
            assert!(shown.ends_with("#1000003 and 999996 more"), "{shown}");
        }
    }
}

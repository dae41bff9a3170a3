//! Matcher as text: what a failure says that a test was looking for.

use std::fmt;

use crate::log::comparison::shown;
use crate::log::fields::Name;
use crate::log::matcher::{Condition, Expected, Field, Matcher};

/// The place of a field in the text.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Place {
    /// Part of the noun: `ERROR 429`, `GetRoom response`.
    Noun,
    /// After a preposition: `from "alice"`, `in room "lobby"`.
    Preposition(&'static str),
    /// In the list at the end: `with content "hello", request id "alice-1"`.
    List,
}

impl Field {
    fn place(&self) -> Place {
        match (&self.name, &self.expected) {
            // First, because a part of a value cannot be read as a noun or after a preposition.
            (_, Expected::Contains(_)) => Place::List,
            (Name::Type | Name::Named | Name::Code | Name::Operation, _) => Place::Noun,
            (Name::From, _) => Place::Preposition("from"),
            (Name::To, _) => Place::Preposition("to"),
            (Name::Room, _) => Place::Preposition("in room"),
            _ => Place::List,
        }
    }
}

impl Matcher {
    /// Returns the text of the matcher where only frames to one client are compared.
    pub(crate) fn to_client(&self, label: &str) -> String {
        Text { matcher: self, to: Some(label) }.to_string()
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Text { matcher: self, to: None }.fmt(f)
    }
}

struct Text<'a> {
    matcher: &'a Matcher,
    /// The client whose frames alone are compared.
    to: Option<&'a str>,
}

impl Text<'_> {
    fn write_noun(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(operation) = self.matcher.expected(&Name::Operation) {
            write!(f, "{operation} ")?;
        }
        f.write_str(self.matcher.expected(&Name::Type).unwrap_or("any entry"))?;
        for name in [Name::Named, Name::Code] {
            if let Some(value) = self.matcher.expected(&name) {
                write!(f, " {}", shown(&name, value, 0))?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_noun(f)?;
        let fields = &self.matcher.fields;
        for field in fields {
            if let (Place::Preposition(word), Expected::Is(value)) =
                (field.place(), &field.expected)
            {
                write!(f, " {word} {}", shown(&field.name, value, 0))?;
            }
        }
        if let Some(to) = self.to {
            write!(f, " to {to}")?;
        }
        let listed = fields.iter().filter(|field| field.place() == Place::List);
        for (index, Field { name, expected }) in listed.enumerate() {
            f.write_str(if index == 0 { " with " } else { ", " })?;
            match expected {
                Expected::Contains(part) => write!(f, "{name} containing {part:?}")?,
                Expected::Is(value) if matches!(name, Name::Attribute(_) | Name::Member(_)) => {
                    write!(f, "{name} = {}", shown(name, value, 0))?;
                }
                Expected::Is(value) => write!(f, "{name} {}", shown(name, value, 0))?,
            }
        }
        let mut conditions = self.matcher.conditions.iter();
        conditions.try_for_each(|Condition { what, .. }| write!(f, ", that {what}"))
    }
}

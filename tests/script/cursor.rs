//! Cursor: reads one line of a script, word by word.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use serde_json::{Map, Value};

/// The unread rest of a line. Errors are sentences without a place: the caller knows it.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(line: &'a str) -> Self {
        Self { rest: line.trim() }
    }

    /// Returns the rest of the line without reading it.
    pub(crate) const fn rest(&self) -> &'a str {
        self.rest
    }

    /// Returns the next word. `lobby:` and `lobby,` are a word and a sign, `app:poll` is one word.
    fn peek(&self) -> &'a str {
        let end = self.rest.find(char::is_whitespace).unwrap_or(self.rest.len());
        let word = &self.rest[..end];
        match word.strip_suffix([':', ',']) {
            Some(word) if !word.is_empty() => word,
            _ => word,
        }
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest[bytes..].trim_start();
    }

    /// Reads these words if they come next; returns `true` if they do.
    pub(crate) fn take(&mut self, words: &str) -> bool {
        let mut ahead = self.clone();
        for word in words.split(' ') {
            if ahead.peek() != word {
                return false;
            }
            ahead.skip(word.len());
        }
        *self = ahead;
        true
    }

    pub(crate) fn expect(&mut self, words: &str) -> Result<(), String> {
        if self.take(words) { Ok(()) } else { Err(self.expected(&format!("`{words}`"))) }
    }

    /// Says what should come next, and what does.
    pub(crate) fn expected(&self, what: &str) -> String {
        match self.peek() {
            "" => format!("expected {what}, found the end of the line"),
            word => format!("expected {what}, found `{word}`"),
        }
    }

    pub(crate) fn end(&self) -> Result<(), String> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.expected("the end of the line")) }
    }

    /// Reads a word that is not in quotes.
    pub(crate) fn word(&mut self, what: &str) -> Result<&'a str, String> {
        let word = self.peek();
        if word.is_empty() || word.starts_with(['"', ':', ',', '{']) {
            return Err(self.expected(what));
        }
        self.skip(word.len());
        Ok(word)
    }

    /// Reads a name: a word, or any text in quotes.
    pub(crate) fn name(&mut self, what: &str) -> Result<String, String> {
        if self.is_at_text() { self.quoted(what) } else { self.word(what).map(str::to_owned) }
    }

    pub(crate) fn is_at_text(&self) -> bool {
        self.rest.starts_with('"')
    }

    pub(crate) fn is_at_object(&self) -> bool {
        self.rest.starts_with('{')
    }

    /// Reads a text in quotes, with the escapes of JSON; `"ab" times 3 + "c"` is `"abababc"`.
    pub(crate) fn text(&mut self, what: &str) -> Result<String, String> {
        let mut text = self.part_of_text(what)?;
        while self.take("+") {
            text.push_str(&self.part_of_text(what)?);
        }
        Ok(text)
    }

    fn part_of_text(&mut self, what: &str) -> Result<String, String> {
        let text = self.quoted(what)?;
        if self.take("times") { Ok(text.repeat(self.number("a count")?)) } else { Ok(text) }
    }

    /// Reads a text in quotes if one comes next, and an empty text otherwise.
    pub(crate) fn optional_text(&mut self) -> Result<String, String> {
        if self.is_at_text() { self.text("a text") } else { Ok(String::new()) }
    }

    fn quoted(&mut self, what: &str) -> Result<String, String> {
        if !self.is_at_text() {
            return Err(self.expected(&format!("{what} in quotes")));
        }
        self.json(what)
    }

    /// Reads a JSON object.
    pub(crate) fn object(&mut self, what: &str) -> Result<Map<String, Value>, String> {
        if !self.is_at_object() {
            return Err(self.expected(&format!("{what} as a JSON object")));
        }
        self.json(what)
    }

    fn json<T: serde::de::DeserializeOwned>(&mut self, what: &str) -> Result<T, String> {
        let mut values = serde_json::Deserializer::from_str(self.rest).into_iter::<T>();
        match values.next() {
            Some(Ok(value)) => {
                let read = values.byte_offset();
                self.skip(read);
                Ok(value)
            }
            Some(Err(error)) => Err(format!("{what} is not valid JSON: {error}")),
            None => Err(self.expected(what)),
        }
    }

    pub(crate) fn number<T: FromStr>(&mut self, what: &str) -> Result<T, String> {
        let word = self.peek();
        let number = word.parse().map_err(|_| self.expected(what))?;
        self.skip(word.len());
        Ok(number)
    }

    /// Reads a duration such as `1h`, `200ms` or `1m 30s`.
    pub(crate) fn duration(&mut self) -> Result<Duration, String> {
        let mut sum = Duration::ZERO;
        let mut is_any = false;
        while let Some(part) = duration_part(self.peek()) {
            sum += part;
            is_any = true;
            self.skip(self.peek().len());
        }
        if is_any { Ok(sum) } else { Err(self.expected("a duration such as `90s` or `1h`")) }
    }

    /// Reads members such as `color="red", size=5`: JSON values, separated by commas.
    pub(crate) fn members(&mut self) -> Result<Map<String, Value>, String> {
        let mut members = Map::new();
        loop {
            let (key, value) = self.member()?;
            if members.insert(key.clone(), value).is_some() {
                return Err(format!("`{key}` is given twice"));
            }
            if !self.take(",") {
                return Ok(members);
            }
        }
    }

    fn member(&mut self) -> Result<(String, Value), String> {
        let sign = self.rest.find(|c: char| c == '=' || c.is_whitespace());
        let Some(at) = sign.filter(|at| *at > 0 && self.rest[*at..].starts_with('=')) else {
            return Err(self.expected("`key=value`"));
        };
        let key = self.rest[..at].to_owned();
        self.skip(at + 1);
        let value = if self.is_at_text() {
            Value::String(self.text("a value")?)
        } else if self.rest.starts_with('$') {
            Value::String(self.word("a reference such as `$lobby`")?.to_owned())
        } else if self.rest.starts_with(['{', '[']) {
            self.json("a value")?
        } else {
            let word = self.peek();
            let value = word.parse().map_err(|_| self.expected("a JSON value"))?;
            self.skip(word.len());
            value
        };
        Ok((key, value))
    }

    /// Reads attributes such as `color="red", size="xl"`: members that are all texts.
    pub(crate) fn attributes(&mut self) -> Result<BTreeMap<String, String>, String> {
        let members = self.members()?;
        let texts = members.into_iter().map(|(key, value)| match value {
            Value::String(text) => Ok((key, text)),
            other => Err(format!("the attribute `{key}` must be a text in quotes, not {other}")),
        });
        texts.collect()
    }
}

/// Reads one part of a duration: a whole number and its unit.
fn duration_part(word: &str) -> Option<Duration> {
    let digits = word.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = (word[..digits].parse::<u64>().ok()?, &word[digits..]);
    match unit {
        "ns" => Some(Duration::from_nanos(number)),
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number.checked_mul(60)?)),
        "h" => Some(Duration::from_secs(number.checked_mul(3_600)?)),
        _ => None,
    }
}

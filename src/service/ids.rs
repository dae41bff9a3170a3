//! Id generator: the only source of IDs and tokens. It counts, so every run produces the same ones.

use crate::service::token::{Claims, Token};

/// Creates legal, readable IDs and chat tokens.
///
/// Documented: ids are twelve letters and digits.
#[derive(Debug)]
pub(crate) struct IdGenerator {
    /// Makes the tokens of this mock differ from those of every other mock.
    mock_id: u64,
    errors: u64,
    events: u64,
    logging_configurations: u64,
    messages: u64,
    rooms: u64,
    tokens: u64,
}

impl IdGenerator {
    pub(crate) const fn new(mock_id: u64) -> Self {
        Self {
            mock_id,
            errors: 0,
            events: 0,
            logging_configurations: 0,
            messages: 0,
            rooms: 0,
            tokens: 0,
        }
    }

    pub(crate) fn error_id(&mut self) -> String {
        id("Error", &mut self.errors)
    }

    pub(crate) fn event_id(&mut self) -> String {
        id("Event", &mut self.events)
    }

    pub(crate) fn logging_configuration_id(&mut self) -> String {
        id("Logging", &mut self.logging_configurations)
    }

    pub(crate) fn message_id(&mut self) -> String {
        id("Message", &mut self.messages)
    }

    pub(crate) fn room_id(&mut self) -> String {
        id("Room", &mut self.rooms)
    }

    /// Returns the text of a new chat token.
    pub(crate) fn token(&mut self, claims: Claims) -> String {
        self.tokens += 1;
        Token { number: self.tokens, claims }.seal(self.mock_id)
    }

    /// Decodes a token; returns `None` unless [`Self::token`] created it.
    pub(crate) fn read_token(&self, text: &str) -> Option<Token> {
        Token::unseal(self.mock_id, text)
    }

    /// Returns the number of a token; `None` unless [`Self::token`] created it.
    pub(crate) fn token_number(&self, text: &str) -> Option<u64> {
        Token::number_of(self.mock_id, text)
    }
}

/// Returns the next ID of a kind: its name and a number, truncated to twelve characters.
fn id(kind: &str, count: &mut u64) -> String {
    *count += 1;
    let digits = count.to_string();
    // No mock lives to count to thirteen digits, which would underflow here.
    let letters = &kind[..kind.len().min(ID_LENGTH - digits.len())];
    format!("{letters}{digits:0>width$}", width = ID_LENGTH - letters.len())
}

const ID_LENGTH: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_legible_and_stay_twelve_characters_long() {
        let mut ids = IdGenerator::new(1);
        assert_eq!(ids.message_id(), "Message00001");
        assert_eq!(ids.event_id(), "Event0000001");
        assert_eq!(ids.error_id(), "Error0000001");
        assert_eq!(ids.room_id(), "Room00000001");
        assert_eq!(ids.logging_configuration_id(), "Logging00001");
        ids.messages = 99_999;
        assert_eq!(ids.message_id(), "Messag100000");
        ids.messages = 99_999_999_998;
        assert_eq!(ids.message_id(), "M99999999999");
    }
}

//! JSON: objects as text.

use serde_json::{Map, Value};

/// Returns a JSON object as text.
pub(crate) fn to_text(object: &Map<String, Value>) -> String {
    serde_json::to_string(object).expect("an object with string keys is always JSON")
}

//! Reviews: what a review function of a script answers, as data.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::cursor::Cursor;

/// A response of a review function to the messages that it is about.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ReviewRule {
    /// Only messages whose content contains this.
    pub(crate) containing: Option<String>,
    pub(crate) response: ReviewResponse,
}

/// The response of a review function to a message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ReviewResponse {
    Allow {
        content: Option<String>,
        attributes: Option<BTreeMap<String, String>>,
    },
    Deny {
        reason: Option<String>,
    },
    /// It fails.
    Fail,
    /// It never answers.
    TimeOut,
    /// It answers with this JSON.
    Json(Map<String, Value>),
}

impl ReviewRule {
    /// Reads what follows the name of the function: `[containing "…"]: response`.
    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, String> {
        let containing =
            if cursor.take("containing") { Some(cursor.text("a text")?) } else { None };
        cursor.expect(":")?;
        Ok(Self { containing, response: ReviewResponse::parse(cursor)? })
    }

    /// Returns the response to a message: that of the first rule that is about it. A message that
    /// no rule is about is allowed.
    pub(crate) fn respond(rules: &[Self], content: &str) -> ReviewResponse {
        let is_about = |rule: &&Self| {
            rule.containing.as_ref().is_none_or(|part| content.contains(part.as_str()))
        };
        let allow = ReviewResponse::Allow { content: None, attributes: None };
        rules.iter().find(is_about).map_or(allow, |rule| rule.response.clone())
    }
}

impl ReviewResponse {
    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, String> {
        if cursor.take("allow") {
            let content = if cursor.take("as") { Some(cursor.text("a content")?) } else { None };
            let attributes = if cursor.take("with") { Some(cursor.attributes()?) } else { None };
            Ok(Self::Allow { content, attributes })
        } else if cursor.take("deny") {
            let reason = if cursor.take("because") { Some(cursor.text("a reason")?) } else { None };
            Ok(Self::Deny { reason })
        } else if cursor.take("fail") {
            Ok(Self::Fail)
        } else if cursor.take("time out") {
            Ok(Self::TimeOut)
        } else if cursor.is_at_object() {
            cursor.object("a response").map(Self::Json)
        } else {
            Err(cursor.expected("`allow`, `deny`, `fail`, `time out` or a JSON object"))
        }
    }
}

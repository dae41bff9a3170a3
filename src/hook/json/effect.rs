//! Effect: what a hook does, as the member `then` of its JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::hook::action::ActionVerdict;
use crate::hook::delivery::{Corruption, DeliveryVerdict};
use crate::hook::handshake::HandshakeVerdict;
use crate::hook::json::failure::Failure;
use crate::hook::operation::OperationVerdict;
use crate::hook::review::ReviewVerdict;
use crate::hook::verdict::Verdict;
use crate::proto::action::Action;
use crate::proto::close::CloseCode;
use crate::proto::error_code::ErrorCode;
use crate::proto::frame::Frame;
use crate::proto::headers::Headers;
use crate::proto::publish::Publish;
use crate::service::review_handler::ReviewResponse;

/// An effect. Each hook point has some of them.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Effect {
    Pass,
    /// On the mock clock.
    Delay(HumanDuration),
    DelayRealTime(HumanDuration),
    Hold,
    Disconnect(Disconnect),
    Reset,
    Stall,
    Duplicate,
    Reorder,
    Ignore,
    Drop,
    Reject(Reject),
    Respond(Value),
    Change(Value),
    Replace(String),
    Corrupt(Corruption),
    Refuse(Refuse),
    NeverRespond,
    LimitBandwidth(u32),
    Fail(Failure),
    EmptyBody,
    TruncatedBody,
    CloseInHead,
    CloseInBody,
}

/// A duration such as `1h 30m` or `250ms`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct HumanDuration(Duration);

impl TryFrom<String> for HumanDuration {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let duration = humantime::parse_duration(&text);
        duration.map(Self).map_err(|error| {
            format!("`{text}` is not a duration such as `5s` or `1h 30m`: {error}")
        })
    }
}

impl From<HumanDuration> for String {
    fn from(duration: HumanDuration) -> Self {
        humantime::format_duration(duration.0).to_string()
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Disconnect {
    #[serde(default = "normal_closure")]
    code: u16,
    #[serde(default)]
    reason: String,
}

const fn normal_closure() -> u16 {
    CloseCode::NORMAL.0
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Reject {
    error_code: ErrorCode,
    #[serde(default)]
    error_message: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refuse {
    status: u16,
    #[serde(default)]
    message: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
}

/// An HTTP response with any status and body.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct HttpResponse {
    status: u16,
    #[serde(default)]
    body: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
}

/// A verdict that effects stand for.
pub(super) trait EffectOf: Verdict {
    /// The effects of the hook point, as errors name them.
    const EFFECTS: &'static str;

    /// Returns the verdict that an effect stands for; `Ok(None)` if the hook point does not have it.
    fn read(effect: &Effect) -> Result<Option<Self>, String>;

    /// Returns the effect that stands for this verdict.
    fn effect(&self) -> Result<Effect, &'static str>;
}

impl Effect {
    /// Returns the verdict, or `None` if events are held.
    pub(super) fn verdict<V: EffectOf>(&self, point: &str) -> Result<Option<V>, String> {
        // All hook points know `hold`, and no verdict can be read from it, because it has no gate.
        if matches!(self, Self::Hold) {
            return Ok(None);
        }
        V::read(self)?.map(Some).ok_or_else(|| {
            let name = self.name();
            format!("`{name}` is not an effect of hooks on {point}; known: {}", V::EFFECTS)
        })
    }

    /// Returns the name in JSON.
    fn name(&self) -> String {
        // The written form has the name that files use, so the names need no table beside the
        // derived one. It is a text for a variant without content, and otherwise an object with one
        // member.
        match json!(self) {
            Value::String(name) => name,
            Value::Object(members) => members.keys().next().cloned().unwrap_or_default(),
            _ => String::new(),
        }
    }
}

/// A gate belongs to a mock in this process.
const GATE: &str = "a hook that holds events at a gate of the test cannot be written as JSON";

fn disconnect(code: CloseCode, reason: &str) -> Effect {
    Effect::Disconnect(Disconnect { code: code.0, reason: reason.into() })
}

/// Reads the headers of a response.
fn headers(pairs: &BTreeMap<String, String>) -> Result<Headers, String> {
    // Checked here, because the builder, which checks headers as well, panics instead.
    let headers: Headers = pairs.iter().map(|(name, value)| (&**name, &**value)).collect();
    headers.fault().map_or(Ok(headers), Err)
}

fn pairs(headers: &Headers) -> BTreeMap<String, String> {
    // An object has one value for each name. Of several headers with the same name, the last one is
    // written.
    headers.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

pub(super) fn check_status(status: u16, least: u16) -> Result<u16, String> {
    // The builder has the same bounds. A status below 200 is an interim response, after which a
    // client would wait for another one.
    match (least..=599).contains(&status) {
        true => Ok(status),
        false => Err(format!("`status` must be between {least} and 599, got {status}")),
    }
}

/// Implements both directions of [`EffectOf`] for a verdict.
///
/// All verdicts share the first effects, and those in brackets have the same name on both sides.
/// The arms after `read` and `effect` convert the others. Both matches on a verdict stay
/// exhaustive.
macro_rules! effect_of {
    (
        $verdict:ident, $effects:literal, [$($unit:ident),*],
        read { $($effect:pat => $read:expr,)* }
        effect { $($variant:pat => $written:expr,)* }
    ) => {
        impl EffectOf for $verdict {
            const EFFECTS: &'static str = $effects;

            fn read(effect: &Effect) -> Result<Option<Self>, String> {
                Ok(Some(match effect {
                    Effect::Pass => Self::Pass,
                    Effect::Delay(duration) => Self::Delay(duration.0),
                    Effect::DelayRealTime(duration) => Self::DelayRealTime(duration.0),
                    $(Effect::$unit => Self::$unit,)*
                    $($effect => $read,)*
                    _ => return Ok(None),
                }))
            }

            fn effect(&self) -> Result<Effect, &'static str> {
                Ok(match self {
                    Self::Pass => Effect::Pass,
                    Self::Delay(duration) => Effect::Delay(HumanDuration(*duration)),
                    Self::DelayRealTime(duration) => Effect::DelayRealTime(HumanDuration(*duration)),
                    // A gate exists in one mock only, so a file cannot name it.
                    Self::Hold(_) => return Err(GATE),
                    $(Self::$unit => Effect::$unit,)*
                    $($variant => $written,)*
                })
            }
        }
    };
}

effect_of! {
    HandshakeVerdict,
    "`pass`, `refuse`, `disconnect`, `reset`, `neverRespond`, `limitBandwidth`, `delay`, \
        `delayRealTime` and `hold`",
    [Reset, NeverRespond],
    read {
        Effect::Disconnect(Disconnect { code, reason }) => {
            Self::Disconnect { code: CloseCode(*code), reason: reason.clone() }
        },
        Effect::Refuse(refuse) => Self::Refuse {
            status: check_status(refuse.status, 400)?,
            message: refuse.message.clone(),
            headers: headers(&refuse.headers)?,
        },
        // The builder panics for 0. Files have to fail when they are read instead.
        Effect::LimitBandwidth(0) => return Err("`limitBandwidth` must be at least 1".into()),
        Effect::LimitBandwidth(bytes) => Self::LimitBandwidth(*bytes),
    }
    effect {
        Self::Disconnect { code, reason } => disconnect(*code, reason),
        Self::Refuse { status, message, headers } => Effect::Refuse(Refuse {
            status: *status,
            message: message.clone(),
            headers: pairs(headers),
        }),
        Self::LimitBandwidth(bytes) => Effect::LimitBandwidth(*bytes),
    }
}

effect_of! {
    ActionVerdict,
    "`pass`, `reject`, `ignore`, `respond`, `change`, `duplicate`, `reorder`, `disconnect`, \
        `reset`, `stall`, `delay`, `delayRealTime` and `hold`",
    [Reset, Stall, Duplicate, Reorder, Ignore],
    read {
        Effect::Disconnect(Disconnect { code, reason }) => {
            Self::Disconnect { code: CloseCode(*code), reason: reason.clone() }
        },
        Effect::Reject(reject) => Self::reject(reject.error_code, reject.error_message.clone()),
        // A string is sent as it is. So a hook can respond with a text that is not JSON.
        Effect::Respond(Value::String(text)) => Self::Respond(text.clone()),
        Effect::Respond(frame) => Self::Respond(frame.to_string()),
        Effect::Change(action) => {
            // Through the text, so that the action is read by the rules that hold for frames of
            // clients.
            let action = Publish::decode(action.to_string().as_bytes()).action;
            Self::Change(action.map_err(|fault| format!("`change` needs an action: {fault}"))?)
        },
    }
    effect {
        Self::Disconnect { code, reason } => disconnect(*code, reason),
        Self::Reject { error_code, error_message } => Effect::Reject(Reject {
            error_code: *error_code,
            error_message: error_message.clone(),
        }),
        Self::Respond(text) => Effect::Respond(Value::String(text.clone())),
        Self::Change(action) => Effect::Change(action_json(action)),
    }
}

/// Returns an action as a client sends it.
fn action_json(action: &Action) -> Value {
    // Without a `RequestId`, because a changed action keeps that of the client's frame.
    let mut members = Map::from_iter([("Action".to_owned(), json!(action.name()))]);
    for (name, value) in action.string_members() {
        members.insert(name.into(), json!(value));
    }
    if let Some(attributes) = action.attributes() {
        members.insert("Attributes".into(), json!(attributes));
    }
    Value::Object(members)
}

effect_of! {
    ReviewVerdict,
    "`pass`, `respond`, `delay`, `delayRealTime` and `hold`",
    [],
    read {
        Effect::Respond(response) => Self::Respond(read_review_response(response)?),
    }
    effect {
        Self::Respond(response) => Effect::Respond(response.to_json()),
    }
}

fn read_review_response(response: &Value) -> Result<ReviewResponse, String> {
    // A Lambda function returns an object, so a string is free for the failures that have no JSON.
    match response.as_str() {
        Some("fail") => Ok(ReviewResponse::fail()),
        Some("timeOut") => Ok(ReviewResponse::time_out()),
        Some(other) => Err(format!(
            "`respond` cannot be `{other}`: there is `fail`, `timeOut` and the JSON that a Lambda \
             function returns"
        )),
        None => {
            let read = ReviewResponse::from_json(response);
            match read.failure_reason() {
                // An invalid response is a failure of the handler, but in a file it is more likely
                // a mistake, and `fail` says it clearly.
                Some(reason) => Err(format!("`respond` is not valid: {reason}")),
                None => Ok(read),
            }
        }
    }
}

effect_of! {
    DeliveryVerdict,
    "`pass`, `drop`, `change`, `replace`, `corrupt`, `duplicate`, `reorder`, `disconnect`, \
        `reset`, `stall`, `delay`, `delayRealTime` and `hold`",
    [Reset, Stall, Duplicate, Reorder, Drop],
    read {
        Effect::Disconnect(Disconnect { code, reason }) => {
            Self::Disconnect { code: CloseCode(*code), reason: reason.clone() }
        },
        Effect::Change(frame) => {
            // Only frames of the service's three types. `replace` is for all other texts.
            let frame = Frame::deserialize(frame);
            Self::Change(frame.map_err(|error| format!("`change` needs a frame: {error}"))?)
        },
        Effect::Replace(text) => Self::Replace(text.clone()),
        Effect::Corrupt(corruption) => match corruption.fault() {
            // The same limit as in the builder, so that a file cannot ask for a frame of any size.
            Some(fault) => return Err(fault),
            None => Self::Corrupt(corruption.clone()),
        },
    }
    effect {
        Self::Disconnect { code, reason } => disconnect(*code, reason),
        Self::Change(frame) => Effect::Change(json!(frame)),
        Self::Replace(text) => Effect::Replace(text.clone()),
        Self::Corrupt(corruption) => Effect::Corrupt(corruption.clone()),
    }
}

effect_of! {
    OperationVerdict,
    "`pass`, `fail`, `respond`, `emptyBody`, `truncatedBody`, `closeInHead`, `closeInBody`, \
        `reset`, `neverRespond`, `delay`, `delayRealTime` and `hold`",
    [Reset, NeverRespond, EmptyBody, TruncatedBody, CloseInHead, CloseInBody],
    read {
        Effect::Fail(failure) => Self::Fail(failure.exception()?),
        Effect::Respond(response) => {
            let response = HttpResponse::deserialize(response);
            let response = response.map_err(|error| format!("`respond` is not valid: {error}"))?;
            let headers = headers(&response.headers)?;
            let status = check_status(response.status, 200)?;
            Self::Respond { status, body: response.body, headers }
        },
    }
    effect {
        Self::Fail(exception) => Effect::Fail(Failure::of(exception)),
        Self::Respond { status, body, headers } => {
            let (status, body, headers) = (*status, body.clone(), pairs(headers));
            Effect::Respond(json!(HttpResponse { status, body, headers }))
        },
    }
}

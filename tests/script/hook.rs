//! Hooks: where a hook of a script applies, when it fires and what it does, as data.

use std::time::Duration;

use serde_json::{Map, Value};

use super::cursor::Cursor;
use super::review::ReviewResponse;
use super::story::{ACTIONS, OPERATIONS};

/// A hook.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Hook {
    pub(crate) name: Option<String>,
    pub(crate) filter: Filter,
    pub(crate) frequency: Frequency,
    pub(crate) verdict: Verdict,
}

/// The events that a hook is about: those of which everything that is set here is true.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Filter {
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) room: Option<String>,
    pub(crate) containing: Option<String>,
    pub(crate) request_id: Option<String>,
    /// An action, the type of a frame, or an operation.
    pub(crate) kind: Option<String>,
    pub(crate) event_name: Option<String>,
}

/// How often a hook fires, of all the events that it is about.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Frequency {
    pub(crate) times: Option<usize>,
    pub(crate) nth: Option<usize>,
    pub(crate) every: Option<usize>,
    pub(crate) after: Option<usize>,
    /// From the first moment until just before the second.
    pub(crate) between: Option<(String, String)>,
    /// A probability and the seed that makes it the same in each run.
    pub(crate) probability: Option<(f64, u64)>,
}

/// The effect of a hook at its hook point.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    Handshake(HandshakeVerdict),
    Action(ActionVerdict),
    Delivery(DeliveryVerdict),
    Operation(OperationVerdict),
    Review(ReviewVerdict),
}

/// The verdict that all hook points share: the event waits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Wait {
    /// Until this much time of the mock's clock has passed.
    Delay(Duration),
    /// Until the gate of this name is released.
    Hold(String),
}

/// A close frame.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Close {
    pub(crate) code: u16,
    pub(crate) reason: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum HandshakeVerdict {
    Wait(Wait),
    Refuse {
        status: u16,
        message: String,
    },
    Disconnect(Close),
    Reset,
    NeverRespond,
    /// At most this many bytes per second.
    Slow(u32),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ActionVerdict {
    Wait(Wait),
    Reject {
        code: u16,
        message: String,
    },
    Ignore,
    /// The client gets this text as a frame.
    Respond(String),
    /// The service gets a message of this content instead.
    Change(String),
    Duplicate,
    Reorder,
    Disconnect(Close),
    Reset,
    Stall,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum DeliveryVerdict {
    Wait(Wait),
    Drop,
    /// The client gets this frame instead.
    Change(Map<String, Value>),
    /// The client gets this text instead.
    Replace(String),
    Corrupt(Corruption),
    Duplicate,
    Reorder,
    Disconnect(Close),
    Reset,
    Stall,
}

/// A form in which a frame should not arrive.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Corruption {
    InvalidJson,
    UnknownType,
    MissingMember(String),
    Binary,
    InvalidUtf8,
    Oversize(usize),
    Fragmented(usize),
    ReservedBit,
    Truncated,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum OperationVerdict {
    Wait(Wait),
    Fail { status: u16, exception: String, message: String },
    Respond { status: u16, body: String },
    EmptyBody,
    TruncatedBody,
    CloseInHead,
    CloseInBody,
    Reset,
    NeverRespond,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ReviewVerdict {
    Wait(Wait),
    Respond(ReviewResponse),
}

impl Hook {
    /// Reads what follows `hook`: `["name"] on point [conditions]: verdict`.
    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, String> {
        let name = if cursor.is_at_text() { Some(cursor.text("a name")?) } else { None };
        cursor.expect("on")?;
        let points = "`handshake`, `action`, `delivery`, `operation` or `review`";
        let point = cursor.word(points)?;
        let conditions = match point {
            "handshake" | "review" => "from in containing",
            "action" => "from in containing request",
            "delivery" => "from to in containing request",
            "operation" => "in containing",
            _ => return Err(format!("a hook is on {points}, not on `{point}`")),
        };
        let mut hook = Self {
            name,
            filter: Filter::default(),
            frequency: Frequency::default(),
            verdict: Verdict::Action(ActionVerdict::Ignore),
        };
        while !cursor.take(":") {
            if !hook.filter.read(cursor, point, conditions)? && !hook.frequency.read(cursor)? {
                return Err(cursor.expected(&format!("a condition of a hook on {point}, or `:`")));
            }
        }
        hook.verdict = match point {
            "handshake" => Verdict::Handshake(HandshakeVerdict::parse(cursor)?),
            "action" => Verdict::Action(ActionVerdict::parse(cursor)?),
            "delivery" => Verdict::Delivery(DeliveryVerdict::parse(cursor)?),
            "operation" => Verdict::Operation(OperationVerdict::parse(cursor)?),
            _ => Verdict::Review(ReviewVerdict::parse(cursor)?),
        };
        Ok(hook)
    }

    /// Returns the gate at which the hook makes events wait.
    pub(crate) fn gate(&self) -> Option<&str> {
        match &self.verdict {
            Verdict::Handshake(HandshakeVerdict::Wait(Wait::Hold(gate)))
            | Verdict::Action(ActionVerdict::Wait(Wait::Hold(gate)))
            | Verdict::Delivery(DeliveryVerdict::Wait(Wait::Hold(gate)))
            | Verdict::Operation(OperationVerdict::Wait(Wait::Hold(gate)))
            | Verdict::Review(ReviewVerdict::Wait(Wait::Hold(gate))) => Some(gate),
            _ => None,
        }
    }
}

impl Filter {
    /// Reads one condition if one comes next, of those that a point has; returns `true` if it did.
    fn read(
        &mut self,
        cursor: &mut Cursor<'_>,
        point: &str,
        conditions: &str,
    ) -> Result<bool, String> {
        let has = |word: &str| conditions.split(' ').any(|condition| condition == word);
        if has("from") && cursor.take("from") {
            self.from = Some(cursor.name("a user id")?);
        } else if has("to") && cursor.take("to") {
            self.to = Some(cursor.name("a user id")?);
        } else if has("in") && cursor.take("in") {
            self.room = Some(cursor.name("a room")?);
        } else if has("containing") && cursor.take("containing") {
            self.containing = Some(cursor.text("a text")?);
        } else if has("request") && cursor.take("request") {
            self.request_id = Some(cursor.text("a RequestId")?);
        } else {
            let kinds: &[&str] = match point {
                "action" => &ACTIONS,
                "delivery" => &["MESSAGE", "EVENT", "ERROR"],
                "operation" => &OPERATIONS,
                _ => &[],
            };
            let Some(kind) = kinds.iter().find(|kind| cursor.take(kind)) else { return Ok(false) };
            self.kind = Some((*kind).to_owned());
            if *kind == "EVENT" {
                self.event_name = Some(cursor.name("the name of an event")?);
            }
        }
        Ok(true)
    }
}

impl Frequency {
    /// Reads one condition if one comes next; returns `true` if it did.
    fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<bool, String> {
        if cursor.take("once") {
            self.times = Some(1);
        } else if cursor.take("nth") {
            self.nth = Some(cursor.number("a number")?);
        } else if cursor.take("every") {
            self.every = Some(cursor.number("a number")?);
        } else if cursor.take("after") {
            self.after = Some(cursor.number("a number")?);
        } else if cursor.take("between") {
            let from = cursor.text("a time")?;
            cursor.expect("and")?;
            self.between = Some((from, cursor.text("a time")?));
        } else if cursor.take("probability") {
            let probability = cursor.number("a probability from 0 to 1")?;
            cursor.expect("seed")?;
            self.probability = Some((probability, cursor.number("a seed")?));
        } else if let Ok(times) = cursor.clone().number("a count") {
            let _: usize = cursor.number("a count")?;
            cursor.expect("times")?;
            self.times = Some(times);
        } else {
            return Ok(false);
        }
        Ok(true)
    }
}

impl Wait {
    fn parse(cursor: &mut Cursor<'_>) -> Result<Option<Self>, String> {
        if cursor.take("delay") {
            cursor.duration().map(|duration| Some(Self::Delay(duration)))
        } else if cursor.take("hold") {
            cursor.name("a gate").map(|gate| Some(Self::Hold(gate)))
        } else {
            Ok(None)
        }
    }
}

impl Close {
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, String> {
        Ok(Self { code: cursor.number("a close code")?, reason: cursor.optional_text()? })
    }
}

impl HandshakeVerdict {
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, String> {
        if let Some(wait) = Wait::parse(cursor)? {
            Ok(Self::Wait(wait))
        } else if cursor.take("refuse") {
            Ok(Self::Refuse {
                status: cursor.number("a status")?,
                message: cursor.text("a message")?,
            })
        } else if cursor.take("disconnect") {
            Close::parse(cursor).map(Self::Disconnect)
        } else if cursor.take("reset") {
            Ok(Self::Reset)
        } else if cursor.take("never respond") {
            Ok(Self::NeverRespond)
        } else if cursor.take("slow") {
            cursor.number("bytes per second").map(Self::Slow)
        } else {
            Err(cursor.expected(
                "`delay`, `hold`, `refuse`, `disconnect`, `reset`, `never respond` or `slow`",
            ))
        }
    }
}

impl ActionVerdict {
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, String> {
        if let Some(wait) = Wait::parse(cursor)? {
            Ok(Self::Wait(wait))
        } else if cursor.take("reject") {
            let code = cursor.number("an error code")?;
            Ok(Self::Reject { code, message: cursor.text("a message")? })
        } else if cursor.take("ignore") {
            Ok(Self::Ignore)
        } else if cursor.take("respond") {
            frame_text(cursor).map(Self::Respond)
        } else if cursor.take("change to") {
            cursor.text("a content").map(Self::Change)
        } else if cursor.take("duplicate") {
            Ok(Self::Duplicate)
        } else if cursor.take("reorder") {
            Ok(Self::Reorder)
        } else if cursor.take("disconnect") {
            Close::parse(cursor).map(Self::Disconnect)
        } else if cursor.take("reset") {
            Ok(Self::Reset)
        } else if cursor.take("stall") {
            Ok(Self::Stall)
        } else {
            Err(cursor.expected(
                "`delay`, `hold`, `reject`, `ignore`, `respond`, `change to`, `duplicate`, \
                 `reorder`, `disconnect`, `reset` or `stall`",
            ))
        }
    }
}

impl DeliveryVerdict {
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, String> {
        if let Some(wait) = Wait::parse(cursor)? {
            Ok(Self::Wait(wait))
        } else if cursor.take("drop") {
            Ok(Self::Drop)
        } else if cursor.take("change to") {
            cursor.object("a frame").map(Self::Change)
        } else if cursor.take("replace by") {
            frame_text(cursor).map(Self::Replace)
        } else if cursor.take("corrupt") {
            Corruption::parse(cursor).map(Self::Corrupt)
        } else if cursor.take("duplicate") {
            Ok(Self::Duplicate)
        } else if cursor.take("reorder") {
            Ok(Self::Reorder)
        } else if cursor.take("disconnect") {
            Close::parse(cursor).map(Self::Disconnect)
        } else if cursor.take("reset") {
            Ok(Self::Reset)
        } else if cursor.take("stall") {
            Ok(Self::Stall)
        } else {
            Err(cursor.expected(
                "`delay`, `hold`, `drop`, `change to`, `replace by`, `corrupt`, `duplicate`, \
                 `reorder`, `disconnect`, `reset` or `stall`",
            ))
        }
    }
}

impl Corruption {
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, String> {
        if cursor.take("invalid-json") {
            Ok(Self::InvalidJson)
        } else if cursor.take("unknown-type") {
            Ok(Self::UnknownType)
        } else if cursor.take("missing") {
            cursor.name("a member").map(Self::MissingMember)
        } else if cursor.take("binary") {
            Ok(Self::Binary)
        } else if cursor.take("invalid-utf8") {
            Ok(Self::InvalidUtf8)
        } else if cursor.take("oversize") {
            cursor.number("a number of bytes").map(Self::Oversize)
        } else if cursor.take("fragmented") {
            cursor.number("a number of bytes").map(Self::Fragmented)
        } else if cursor.take("reserved-bit") {
            Ok(Self::ReservedBit)
        } else if cursor.take("truncated") {
            Ok(Self::Truncated)
        } else {
            Err(cursor.expected(
                "`invalid-json`, `unknown-type`, `missing`, `binary`, `invalid-utf8`, \
                 `oversize`, `fragmented`, `reserved-bit` or `truncated`",
            ))
        }
    }
}

impl OperationVerdict {
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, String> {
        if let Some(wait) = Wait::parse(cursor)? {
            Ok(Self::Wait(wait))
        } else if cursor.take("fail") {
            Ok(Self::Fail {
                status: cursor.number("a status")?,
                exception: cursor.word("the name of an exception")?.to_owned(),
                message: cursor.text("a message")?,
            })
        } else if cursor.take("respond") {
            Ok(Self::Respond { status: cursor.number("a status")?, body: frame_text(cursor)? })
        } else if cursor.take("empty body") {
            Ok(Self::EmptyBody)
        } else if cursor.take("truncated body") {
            Ok(Self::TruncatedBody)
        } else if cursor.take("close in head") {
            Ok(Self::CloseInHead)
        } else if cursor.take("close in body") {
            Ok(Self::CloseInBody)
        } else if cursor.take("reset") {
            Ok(Self::Reset)
        } else if cursor.take("never respond") {
            Ok(Self::NeverRespond)
        } else {
            Err(cursor.expected(
                "`delay`, `hold`, `fail`, `respond`, `empty body`, `truncated body`, `close in head`, \
                 `close in body`, `reset` or `never respond`",
            ))
        }
    }
}

impl ReviewVerdict {
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, String> {
        if let Some(wait) = Wait::parse(cursor)? {
            return Ok(Self::Wait(wait));
        }
        cursor.take("respond");
        ReviewResponse::parse(cursor).map(Self::Respond)
    }
}

/// Reads a text in quotes, or a JSON object as it stands.
pub(crate) fn frame_text(cursor: &mut Cursor<'_>) -> Result<String, String> {
    if cursor.is_at_text() {
        return cursor.text("a text");
    }
    let before = cursor.rest();
    cursor.object("a text in quotes, or a frame")?;
    Ok(before[..before.len() - cursor.rest().len()].trim_end().to_owned())
}

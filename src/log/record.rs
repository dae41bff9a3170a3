//! Record: what the log keeps of one thing that happened.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::hook::gate::GateId;
use crate::proto::capability::Capability;
use crate::proto::close::Close;
use crate::proto::operation::Operation;
use crate::proto::timestamp::Timestamp;
use crate::service::ConnectionId;
use crate::service::quota::Quota;

/// The log as it is kept: records in order, their place being their number.
#[derive(Debug, Default)]
pub(crate) struct Records {
    chunks: Vec<Vec<Record>>,
}

impl Records {
    pub(crate) fn push(&mut self, record: Record) {
        // Chunks never move, so the log needs no memory but that of its records.
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            let capacity = if self.chunks.is_empty() { 0 } else { CHUNK };
            self.chunks.push(Vec::with_capacity(capacity));
        }
        self.chunks.last_mut().expect("there is a chunk with room").push(record);
    }

    pub(crate) fn len(&self) -> u64 {
        let last = self.chunks.last().map_or(0, Vec::len);
        (self.chunks.len().saturating_sub(1) * CHUNK + last) as u64
    }

    /// The records from a number on, with their numbers.
    pub(crate) fn since(&self, first: u64) -> impl Iterator<Item = (u64, &Record)> {
        let first = usize::try_from(first).unwrap_or(usize::MAX);
        let chunks = self.chunks.iter().enumerate().skip(first / CHUNK);
        chunks
            .flat_map(|(chunk, records)| {
                records.iter().enumerate().map(move |(i, record)| (chunk * CHUNK + i, record))
            })
            .skip(first % CHUNK)
            .map(|(number, record)| (number as u64, record))
    }
}

const CHUNK: usize = 1024;

/// One thing that happened.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) at: Timestamp,
    /// The number of the record that this one follows from; its own number if from none.
    pub(crate) cause: u64,
    pub(crate) party: Option<Arc<Party>>,
    pub(crate) what: What,
}

/// Whose connection a record is about.
#[derive(Debug)]
pub(crate) struct Party {
    pub(crate) connection: ConnectionId,
    /// The user id, with a number behind it from the user's second connection on.
    pub(crate) label: String,
    pub(crate) user_id: Arc<str>,
    pub(crate) room: Arc<str>,
}

/// What happened. The variants are small, for there is one for each frame and recipient.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// The clock was advanced.
    Advanced(Duration),
    /// An operation of the control plane was answered.
    Answered(Box<Answered>),
    /// An operation of the control plane was called.
    Called(Box<Called>),
    /// The service closed a connection.
    ClosedByService(Box<Close>),
    /// The client closed a connection.
    ClosedByClient(Box<Close>),
    /// A handshake succeeded.
    Connected(Box<[Capability]>),
    /// A quota refused something.
    Exceeded { quota: Quota, limit: u32 },
    /// A connection ended without a closing handshake.
    Gone,
    /// A hook fired.
    Hooked(Box<Hooked>),
    /// A client's frame arrived.
    Received(Payload),
    /// A handshake was refused.
    Refused(Box<Refused>),
    /// A message was reviewed.
    Reviewed(Box<Reviewed>),
    /// A frame left for a client.
    Sent(Payload),
}

/// The content of a frame; it shares its bytes with all that hold the same frame.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Payload {
    Text(Bytes),
    Binary(Bytes),
    Ping(Bytes),
    Pong(Bytes),
}

impl Payload {
    pub(crate) const fn bytes(&self) -> &Bytes {
        match self {
            Self::Text(bytes) | Self::Binary(bytes) | Self::Ping(bytes) | Self::Pong(bytes) => {
                bytes
            }
        }
    }

    /// The text of a text frame.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(bytes) => std::str::from_utf8(bytes).ok(),
            Self::Binary(_) | Self::Ping(_) | Self::Pong(_) => None,
        }
    }
}

/// A call of the control plane.
#[derive(Clone, Debug)]
pub(crate) struct Called {
    pub(crate) origin: Origin,
    pub(crate) operation: Option<Operation>,
    /// The body, as text.
    pub(crate) body: String,
}

/// Where a call came from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Origin {
    /// The test itself, by the fixture's own methods.
    Test,
    /// A client, over HTTP.
    Http { method: String, path: String, access_key_id: Option<String>, is_signed: bool },
}

/// The answer to a call.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    pub(crate) origin: Origin,
    pub(crate) operation: Option<Operation>,
    pub(crate) status: u16,
    /// The name of the exception, if it is one.
    pub(crate) exception: Option<String>,
    /// The body, as text, without any chat token.
    pub(crate) body: String,
}

/// A refused handshake.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) message: String,
    /// The label of the token that was offered, or what can be shown of it.
    pub(crate) token: Option<String>,
}

/// What a hook did.
#[derive(Clone, Debug)]
pub(crate) struct Hooked {
    pub(crate) hook: Arc<str>,
    /// What it did, in words.
    pub(crate) effect: String,
    /// The frame that it kept from going out as it was.
    pub(crate) payload: Option<Payload>,
    /// The gate that it made something wait at.
    pub(crate) gate: Option<GateId>,
}

/// What came of a message's review.
#[derive(Clone, Debug)]
pub(crate) struct Reviewed {
    pub(crate) message_id: String,
    /// The result, in words.
    pub(crate) result: String,
}

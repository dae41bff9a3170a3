//! Record: what the log keeps of one thing that happened.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::hook::ids::GateId;
use crate::log::retention::Recording;
use crate::proto::capability::Capability;
use crate::proto::close::Close;
use crate::proto::operation::Operation;
use crate::proto::payload::Payload;
use crate::proto::timestamp::Timestamp;
use crate::service::ConnectionId;
use crate::service::quota::Quota;
use crate::service::session::Refusal;

/// The log as it is kept: records in order, their place being their number.
#[derive(Debug, Default)]
pub(crate) struct Records {
    chunks: VecDeque<Vec<Record>>,
    /// How many chunks were dropped before the first.
    dropped_chunks: usize,
    length: usize,
    /// How many of the latest records are kept; all if `None`.
    limit: Option<usize>,
}

impl Records {
    pub(crate) fn new(recording: Recording) -> Self {
        let limit = match recording {
            Recording::All => None,
            Recording::Last(count) => Some(count),
            Recording::Off => Some(0),
        };
        Self { limit, ..Self::default() }
    }

    pub(crate) fn push(&mut self, record: Record) {
        self.length += 1;
        if self.limit == Some(0) {
            return;
        }
        // Chunks never move, so the log needs no memory but that of its records.
        if self.chunks.back().is_none_or(|chunk| chunk.len() == CHUNK) {
            let capacity = if self.chunks.is_empty() { 0 } else { CHUNK };
            self.chunks.push_back(Vec::with_capacity(capacity));
            while (self.dropped_chunks + 1) * CHUNK <= self.dropped() as usize {
                self.chunks.pop_front();
                self.dropped_chunks += 1;
            }
        }
        self.chunks.back_mut().expect("there is a chunk with room").push(record);
    }

    pub(crate) const fn len(&self) -> u64 {
        self.length as u64
    }

    /// How many records there were before the first that is kept.
    pub(crate) fn dropped(&self) -> u64 {
        self.limit.map_or(0, |limit| self.length.saturating_sub(limit)) as u64
    }

    /// The records from a number on that are kept, with their numbers.
    pub(crate) fn since(&self, first: u64) -> impl Iterator<Item = (u64, &Record)> {
        let first = usize::try_from(first.max(self.dropped())).unwrap_or(usize::MAX);
        let chunks = (self.dropped_chunks..).zip(&self.chunks);
        let chunks = chunks.skip((first / CHUNK).saturating_sub(self.dropped_chunks));
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
    #[cfg(feature = "tracing")]
    pub(crate) span: crate::log::trace::ConnectionSpan,
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
    /// The mock was taken from its clients.
    Outage(Box<Outage>),
    /// A client's frame arrived.
    Received(Payload),
    /// A handshake was refused.
    Refused(Box<Refused>),
    /// A message was reviewed.
    Reviewed(Box<Reviewed>),
    /// A frame left for a client.
    Sent(Payload),
}

/// How the mock was taken from its clients.
#[derive(Clone, Debug)]
pub(crate) enum Outage {
    /// All connections were closed, with a close frame.
    Close(Box<Close>),
    /// All connections were ended, without a close frame.
    Disconnect,
    /// Everything was cut, and the port refuses from now on.
    Begin,
    /// The port does not refuse any more.
    End,
    /// Everything was cut, and began anew on the same port.
    Restart,
    /// The mock has ended.
    Stop,
}

impl Outage {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Close(_) => "close",
            Self::Disconnect => "disconnect",
            Self::Begin => "begin",
            Self::End => "end",
            Self::Restart => "restart",
            Self::Stop => "stop",
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
    /// What the service has against it, if it is the service that refuses.
    pub(crate) refusal: Option<Refusal>,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn push(records: &mut Records, count: u64) {
        for _ in 0..count {
            let (at, cause) = (Timestamp::default(), records.len());
            records.push(Record { at, cause, party: None, what: What::Gone });
        }
    }

    fn kept(records: &Records, first: u64) -> Vec<u64> {
        records
            .since(first)
            .map(|(number, record)| {
                assert_eq!(record.cause, number);
                number
            })
            .collect()
    }

    #[test]
    fn a_record_for_each_delivery_stays_small() {
        assert!(size_of::<Record>() <= 48, "{}", size_of::<Record>());
    }

    #[test]
    fn a_bounded_log_keeps_the_last_and_the_numbers_of_all() {
        for limit in [1, 10, 1023, 1024, 1025, 3000] {
            let mut records = Records::new(Recording::Last(limit as usize));
            for _ in 0..10 {
                push(&mut records, 700);
                let length = records.len();
                let first = length.saturating_sub(limit);
                assert_eq!(records.dropped(), first);
                assert_eq!(kept(&records, 0), (first..length).collect::<Vec<_>>());
                assert_eq!(kept(&records, length - 1), [length - 1]);
                assert!(kept(&records, length).is_empty());
                assert!(records.chunks.len() as u64 <= limit / CHUNK as u64 + 2);
            }
        }
    }

    #[test]
    fn a_log_that_is_off_only_counts() {
        let mut records = Records::new(Recording::Off);
        push(&mut records, 5000);
        assert_eq!((records.len(), records.dropped()), (5000, 5000));
        assert!(kept(&records, 0).is_empty() && records.chunks.is_empty());
    }
}

//! placeholder
#![cfg_attr(docsrs, feature(doc_cfg))]

mod clock;
mod driver;
#[cfg(feature = "rstest")]
#[cfg_attr(docsrs, doc(cfg(feature = "rstest")))]
pub mod fixtures;
mod framing;
mod handle;
mod handle_hooks;
pub mod hook;
mod log;
mod net;
mod participant;
mod proto;
mod report;
mod review;
mod room;
mod server;
mod service;
mod token;
mod wait;

pub use crate::clock::Clock;
pub use crate::handle::Handle;
pub use crate::hook::builder::{
    Actions, Deliveries, Destination, Handshakes, NewHook, Operations, Place, Reviews,
};
pub use crate::hook::gate::Gate;
pub use crate::hook::installed::{Hook, HookGuard};
pub use crate::hook::subject::{HandshakeRequest, InboundFrame, OperationCall, OutboundFrame};
pub use crate::hook::table::HookValue;
pub use crate::hook::verdict::{
    ActionVerdict, DeliveryVerdict, HandshakeVerdict, Malformation, OperationVerdict, ReviewVerdict,
};
pub use crate::log::entry::{Direction, Entry, EntryKind};
pub use crate::log::lanes::Lanes;
pub use crate::log::lint::{Finding, Lint};
pub use crate::log::pattern::Pattern;
pub use crate::log::recording::Recording;
pub use crate::log::view::{Log, Mark};
pub use crate::participant::Participant;
pub use crate::proto::action::{Action, DeleteMessage, DisconnectUser, SendMessage};
pub use crate::proto::attributes::Attributes;
pub use crate::proto::capability::Capability;
pub use crate::proto::close::CloseCode;
pub use crate::proto::error_code::ErrorCode;
pub use crate::proto::exception::Exception;
pub use crate::proto::frame::{Error, Event, Frame, Message, Sender};
pub use crate::proto::operation::Operation;
pub use crate::proto::timestamp::{ParseTimestampError, Timestamp};
pub use crate::report::Report;
pub use crate::review::{Review, ReviewRequest};
pub use crate::room::{NewRoom, Room};
pub use crate::server::{Builder, MockIvsChat, StartError};
pub use crate::service::ConnectionId;
pub use crate::service::quota::{Quota, Quotas};
pub use crate::token::{ChatToken, NewChatToken};
pub use crate::wait::Wait;

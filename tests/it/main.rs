//! The mock over real sockets, as its users see it; and the repository's own rules.

#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps what is not there fails, as it should"
)]

mod bad_input;
mod claims;
mod closures;
mod connections;
mod control_plane_constraints;
mod control_plane_logging;
mod control_plane_properties;
mod control_plane_rooms;
#[cfg(feature = "sigv4")]
mod control_plane_signatures;
mod control_plane_support;
mod control_plane_tags;
mod control_plane_tokens;
mod control_plane_wire;
mod controls;
#[cfg(feature = "explore")]
mod explore;
mod failure_causes;
mod failure_hints;
mod failure_page;
mod failure_reviews;
mod failure_texts;
mod failure_traces;
mod failure_withheld;
#[cfg(feature = "rstest")]
mod fixtures;
mod framing;
mod gates;
mod guide;
mod handshake;
mod headers;
mod heartbeat;
mod hooks_as_json;
mod hooks_at_the_edge;
mod hooks_on_the_wire;
mod hooks_when;
mod hostile;
mod impossible;
mod in_memory;
mod language;
mod lifecycle;
mod lifecycle_drop;
mod lifecycle_outage;
mod log;
mod log_failures;
mod log_lanes;
mod log_lint;
mod log_pictures;
mod log_snapshots;
#[cfg(feature = "tracing")]
mod log_tracing;
mod messaging;
mod model;
mod moderation;
mod mutations;
mod participants;
mod paused_time;
mod pitfalls;
mod raw;
mod readme;
mod reconnecting;
mod reviews;
mod rooms;
mod runtimes;
#[path = "../script/mod.rs"]
mod script;
#[cfg(feature = "aws-sdk")]
mod sdk_in_process;
mod sensitive;
mod session_life;
mod settings;
mod settling;
mod source;
mod streams;
mod support;
mod tidy;
mod tidy_docs;
mod timelines;
#[cfg(feature = "tls")]
mod tls;
mod tokens;
mod verification;
mod waits;
mod waits_explained;
mod wire;

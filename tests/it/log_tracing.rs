//! Events of the crate `tracing`: one for each entry, within a span for each connection.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mock_ivs_chat::MockIvsChat;
use parking_lot::Mutex;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::wire::{over_tcp, receive, say};

/// Writes down what it is told.
#[derive(Clone, Default)]
struct Notes {
    lines: Arc<Mutex<Vec<String>>>,
    spans: Arc<AtomicU64>,
}

/// The events that arrive immediately.
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() != "text" {
            write!(self.0, " {}={value:?}", field.name()).expect("a string takes any text");
        }
    }
}

impl Subscriber for Notes {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "mock_ivs_chat"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let number = self.spans.fetch_add(1, Ordering::Relaxed) + 1;
        let mut line = Line(format!("span {number}"));
        span.record(&mut line);
        self.lines.lock().push(line.0);
        Id::from_u64(number)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let span = event.parent().map_or(0, Id::into_u64);
        let mut line = Line(format!("in {span}:"));
        event.record(&mut line);
        self.lines.lock().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}

    fn try_close(&self, span: Id) -> bool {
        self.lines.lock().push(format!("span {} ends", span.into_u64()));
        true
    }
}

#[test]
fn each_entry_is_an_event_in_the_span_of_its_connection() {
    // Events from the mock thread go to the global subscriber of the process; other tests
    // have theirs in it, too.
    let notes = Notes::default();
    tracing::subscriber::set_global_default(notes.clone()).expect("no other test sets it");
    let ivs = MockIvsChat::start();
    let tracy = ivs.create_room("lobby").participant("tracy");
    tracy.send_message("hi");
    tracy.disconnect();
    // Whatever happens next is told after all that has happened.
    ivs.create_room("another");
    let lines = notes.lines.lock();
    let opened = lines.iter().find(|line| line.contains("user_id=\"tracy\"")).expect("a span");
    let span = opened.split(' ').nth(1).expect("a number");
    let about = |line: &&String| {
        line.starts_with(&format!("in {span}:")) || **line == format!("span {span} ends")
    };
    let told: Vec<String> =
        lines.iter().filter(about).map(|line| line.replacen(span, "N", 1)).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    in N: message=connects to lobby index=4 kind=Connected
    in N: message=SEND_MESSAGE "hi" index=5 kind=FrameReceived
    in N: message=MESSAGE "hi" index=6 kind=FrameSent
    in N: message=closes 1000 index=7 kind=Closed
    span N ends
    "#);
}

#[tokio::test]
async fn events_of_the_mocks_threads_reach_the_subscriber_of_the_tests_thread() {
    let notes = Notes::default();
    let _default = tracing::subscriber::set_default(notes.clone());
    let ivs = MockIvsChat::start();
    let token = ivs.create_room("lobby").chat_token("alice").create();
    let mut alice = over_tcp(&ivs, &token).await;
    for content in ["one", "two", "three"] {
        say(&mut alice, content).await;
        receive(&mut alice).await;
    }
    ivs.settled().await;
    let count_events = || notes.lines.lock().iter().filter(|line| line.starts_with("in ")).count();
    // The mock's thread may still be emitting the last of them.
    let all_events = async {
        while count_events() < ivs.log().count() {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(60), all_events).await;
    assert_eq!(count_events(), ivs.log().count(), "{waited:?} {:#?}", notes.lines.lock());
}

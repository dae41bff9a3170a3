//! Transaction: one input to the engine, and its outputs.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::MutexGuard;

use crate::driver::closures::{Closure, Question};
use crate::driver::requests::HandshakeResponse;
use crate::driver::state::{OpenHandshake, State};
use crate::driver::{Driver, Unserved, stack};
use crate::engine::QuestionId;
use crate::engine::io::{
    CallId, HandshakeId, HandshakeReply, HttpReply, Input, Output, Reply, Way,
};
use crate::proto::timestamp::Timestamp;
use crate::proto::wire_frame::WireFrame;
use crate::service::ConnectionId;
use crate::transport::client_sink::ClientSink;
use crate::transport::framing;
use crate::transport::send_queue::Enqueued;
use crate::transport::stream::SharedStream;
use crate::transport::wakeup::Wakeup;

/// The work that a transaction leaves to its caller.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The result of a call of the test.
    pub(super) reply: Option<Reply>,
    /// The closures that have to be asked.
    pub(super) questions: Vec<Question>,
}

/// An input that is being executed. The state is locked.
pub(super) struct Transaction<'a> {
    pub(super) driver: &'a Arc<Driver>,
    pub(super) state: MutexGuard<'a, State>,
    pub(super) now: Timestamp,
    outcome: Outcome,
    /// The steps after the lock has been released, in this order.
    afterwards: Vec<Afterwards>,
    overflowed: Vec<ConnectionId>,
}

/// Something that may run foreign code, or takes the lock of a stream.
enum Afterwards {
    Wake(Wakeup),
    Reset(Arc<SharedStream>),
    Stall(Arc<SharedStream>),
    Resume(Arc<SharedStream>),
    Throttle(Arc<SharedStream>, Way, Option<u32>),
    RespondToHandshake(tokio::sync::oneshot::Sender<HandshakeResponse>, HandshakeResponse),
    RespondToCall(tokio::sync::oneshot::Sender<HttpReply>, HttpReply),
    Withdraw(QuestionId),
    StartTimer(crate::engine::io::TimerId, std::time::Duration),
    /// Dropping a closure can run any code.
    DropClosures(Vec<Closure>),
    /// Dropping a sink can drop a stream of the test, which can run any code.
    DropSink(Arc<ClientSink>),
    /// Dropping a handshake drops its sink, and the waker of the task that waited for the response.
    DropHandshake(OpenHandshake),
}

impl Driver {
    /// Executes an input of a client or of the clock. Closures run on threads of their own.
    pub(super) fn feed(self: &Arc<Self>, input: Input) {
        let _flushing = self.flush_later();
        self.feed_without_flush(input);
    }

    /// Executes one of several inputs of a client. Its frames are flushed by the caller after the
    /// last of them, so that they leave in one write for each connection.
    pub(super) fn feed_without_flush(self: &Arc<Self>, input: Input) {
        let questions = self.transact(input).questions;
        self.ask_elsewhere(questions);
    }

    /// Executes an input of the test. Closures have answered when this returns.
    pub(super) fn call(self: &Arc<Self>, input: Input) -> Option<Reply> {
        let Outcome { reply, questions } = self.transact(input);
        self.flush();
        self.ask_for_test(questions);
        reply
    }

    /// Executes an input.
    pub(super) fn transact(self: &Arc<Self>, input: Input) -> Outcome {
        let ancestry = stack::ancestry();
        let input = match ancestry.0 {
            Some(_) => Input::FromClosures { ancestry, input: Box::new(input) },
            None => input,
        };
        let mut transaction = self.begin();
        let now = transaction.now;
        transaction.state.engine.handle(now, input);
        transaction.commit()
    }

    pub(super) fn begin(self: &Arc<Self>) -> Transaction<'_> {
        let mut state = self.state.lock();
        let now = state.now(&self.clock);
        // Before the input: it may open the gate at which such a handshake waits, which would
        // redeem the token of a client that has left.
        let mut afterwards = Vec::new();
        for id in state.abandoned_calls() {
            state.engine.abandon_call(id);
        }
        for (id, open) in state.take_abandoned_handshakes() {
            state.engine.handle(now, Input::HandshakeAbandoned(id));
            // A client that has given up is in the log already.
            if open.sink.stream.was_closed_by_mock() {
                state.engine.handle(now, Input::Unserved(Unserved::CutOff));
            }
            afterwards.push(Afterwards::DropHandshake(open));
        }
        Transaction {
            driver: self,
            state,
            now,
            outcome: Outcome::default(),
            afterwards,
            overflowed: Vec::new(),
        }
    }

    /// Writes the queued frames that no task writes, as far as the clients take them immediately.
    pub(crate) fn flush(&self) {
        // No other flush writes to these streams: a queue asks for the next flush only after this
        // one has found it empty.
        let sinks = std::mem::take(&mut self.state.lock().unflushed).into();
        let mut taken = Taken { driver: self, sinks };
        while let Some(sink) = taken.sinks.pop_front() {
            sink.flush();
        }
    }

    /// Flushes when the result is dropped, even if a panic of the test's code ends the scope.
    pub(crate) const fn flush_later(&self) -> FlushLater<'_> {
        FlushLater(self)
    }
}

/// The sinks that a flush has taken. Those that it did not reach are given back.
struct Taken<'a> {
    driver: &'a Driver,
    sinks: VecDeque<Arc<ClientSink>>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if !self.sinks.is_empty() {
            self.driver.state.lock().unflushed.extend(self.sinks.drain(..));
        }
    }
}

/// A flush that is due at the end of a scope.
#[must_use]
pub(crate) struct FlushLater<'a>(&'a Driver);

impl Drop for FlushLater<'_> {
    fn drop(&mut self) {
        self.0.flush();
    }
}

impl Transaction<'_> {
    /// Carries out the outputs, releases the lock, and notifies pending waits.
    pub(super) fn commit(mut self) -> Outcome {
        self.execute_all();
        let Self { driver, state, outcome, afterwards, .. } = self;
        let next = state.engine.next_deadline();
        let armed = state.armed;
        let is_earlier = next.is_some_and(|next| armed.is_none_or(|armed| next < armed));
        drop(state);
        for action in afterwards {
            driver.act(action);
        }
        #[cfg(feature = "tracing")]
        driver.trace();
        if is_earlier {
            driver.rescheduled.notify_one();
        }
        driver.waiters.notify();
        outcome
    }

    /// Executes all outputs of the engine so far.
    pub(super) fn execute_all(&mut self) {
        loop {
            while let Some(output) = self.state.engine.poll() {
                self.execute(output);
            }
            // Handled here, and not amid the outputs of another step. The loop ends, because an
            // overflow removes its connection, and no more frames are sent to it.
            let Some(connection) = self.overflowed.pop() else { return };
            let now = self.now;
            self.state.engine.handle(now, Input::Overflow { connection });
        }
    }

    /// Returns `true` if a closure has to be asked before anything else may happen.
    pub(super) fn has_questions(&self) -> bool {
        !self.outcome.questions.is_empty()
    }

    fn execute(&mut self, output: Output) {
        match output {
            Output::Send { to, frame } => self.send(&to, &frame),
            Output::Finish { connection, close } => {
                let Some(sink) = self.state.sinks.get(connection) else { return };
                let wakeup = match close {
                    Some(close) => sink.queue.close_with(framing::close(&close)),
                    None => Some(sink.queue.close_without_frame()),
                };
                self.afterwards.extend(wakeup.map(Afterwards::Wake));
            }
            Output::Reset(connection) => {
                let stream = self.stream(connection);
                self.afterwards.extend(stream.map(Afterwards::Reset));
            }
            Output::Stall(connection) => {
                let stream = self.stream(connection);
                self.afterwards.extend(stream.map(Afterwards::Stall));
            }
            Output::Resume(connection) => {
                let stream = self.stream(connection);
                self.afterwards.extend(stream.map(Afterwards::Resume));
            }
            Output::Throttle { connection, way, bytes_per_second } => {
                let stream = self.stream(connection);
                let throttle = |stream| Afterwards::Throttle(stream, way, bytes_per_second);
                self.afterwards.extend(stream.map(throttle));
            }
            Output::Remove(connection) => {
                let sink = self.state.sinks.remove(connection);
                self.afterwards.extend(sink.map(Afterwards::DropSink));
            }
            Output::Handshake { id, reply } => self.respond_to_handshake(id, reply),
            Output::LimitBandwidth { handshake, bytes_per_second } => {
                let open = self.state.handshakes.get(&handshake);
                let stream = open.map(|open| Arc::clone(&open.sink.stream));
                let throttle =
                    |stream| Afterwards::Throttle(stream, Way::Outbound, Some(bytes_per_second));
                self.afterwards.extend(stream.map(throttle));
            }
            Output::Respond { id, reply } => self.respond_to_call(id, reply),
            Output::Ask { question, closure, name, event, ancestry } => {
                let function = self.state.closures.get(&closure).cloned();
                let question = Question::new(question, closure, function, &name, event, ancestry);
                // Listed before the question that it follows from is taken off the list, so that
                // the mock is never idle in between.
                self.driver.questions.add(&question);
                self.outcome.questions.push(question);
            }
            Output::Withdraw(question) => self.afterwards.push(Afterwards::Withdraw(question)),
            Output::StartTimer { id, duration } => {
                self.afterwards.push(Afterwards::StartTimer(id, duration));
            }
            Output::Return(reply) => self.outcome.reply = Some(reply),
        }
    }

    /// Queues a frame for connections. It is framed once for all of them.
    fn send(&mut self, to: &[ConnectionId], frame: &WireFrame) {
        let mut encoded = None;
        for connection in to {
            let Some(sink) = self.state.sinks.get(*connection) else { continue };
            let bytes = encoded.get_or_insert_with(|| framing::encode(frame));
            match sink.queue.push(bytes.clone()) {
                Enqueued::Queued | Enqueued::Closed => {}
                Enqueued::NeedsFlush => {
                    let sink = Arc::clone(sink);
                    self.state.unflushed.push(sink);
                }
                Enqueued::Full => self.overflowed.push(*connection),
            }
        }
    }

    fn respond_to_handshake(&mut self, id: HandshakeId, reply: HandshakeReply) {
        let Some(open) = self.state.handshakes.remove(&id) else { return };
        let response = match reply {
            HandshakeReply::Accept(connection) => {
                // Listed before the client gets its response, so no frame is missed. The connection
                // task owns the queue at first, and writes nothing before the handshake response.
                self.state.sinks.insert(connection, Arc::clone(&open.sink));
                HandshakeResponse::Accept(connection)
            }
            // Not listed among the sinks: the close frame is in the queue, and no other frame
            // follows.
            HandshakeReply::AcceptAndClose(connection, close) => {
                let wakeup = open.sink.queue.close_with(framing::close(&close));
                self.afterwards.extend(wakeup.map(Afterwards::Wake));
                HandshakeResponse::Accept(connection)
            }
            HandshakeReply::Refuse { status, message, headers } => {
                HandshakeResponse::Refuse { status, message, headers }
            }
            HandshakeReply::Reset => {
                self.afterwards.push(Afterwards::Reset(Arc::clone(&open.sink.stream)));
                HandshakeResponse::Never
            }
            HandshakeReply::Never => HandshakeResponse::Never,
        };
        self.afterwards.push(Afterwards::RespondToHandshake(open.sender, response));
        self.afterwards.push(Afterwards::DropSink(open.sink));
    }

    fn respond_to_call(&mut self, id: CallId, reply: HttpReply) {
        if let Some(call) = self.state.calls.remove(&id) {
            self.afterwards.push(Afterwards::RespondToCall(call.sender, reply));
        }
    }

    fn stream(&self, connection: ConnectionId) -> Option<Arc<SharedStream>> {
        self.state.sinks.get(connection).map(|sink| Arc::clone(&sink.stream))
    }

    /// Stores the result of a call of the test.
    pub(super) fn reply(&mut self) -> Option<Reply> {
        self.outcome.reply.take()
    }

    /// Drops a closure after the lock has been released.
    pub(super) fn drop_later(&mut self, closures: Vec<Closure>) {
        self.afterwards.push(Afterwards::DropClosures(closures));
    }
}

impl Driver {
    fn act(self: &Arc<Self>, action: Afterwards) {
        match action {
            Afterwards::Wake(wakeup) => wakeup.wake(),
            Afterwards::Reset(stream) => stream.reset(),
            Afterwards::Stall(stream) => stream.stall(),
            Afterwards::Resume(stream) => stream.resume(),
            Afterwards::Throttle(stream, Way::Inbound, bytes_per_second) => {
                stream.throttle_reads(bytes_per_second);
            }
            Afterwards::Throttle(stream, Way::Outbound, bytes_per_second) => {
                stream.throttle_writes(bytes_per_second);
            }
            // A client may have gone away meanwhile.
            Afterwards::RespondToHandshake(sender, response) => {
                if let Err(HandshakeResponse::Accept(connection)) = sender.send(response) {
                    self.stream_ended(connection);
                }
            }
            Afterwards::RespondToCall(sender, response) => drop(sender.send(response)),
            Afterwards::Withdraw(question) => self.questions.withdraw(question),
            Afterwards::StartTimer(id, duration) => self.start_timer(id, duration),
            Afterwards::DropClosures(closures) => drop(closures),
            Afterwards::DropSink(sink) => drop(sink),
            Afterwards::DropHandshake(handshake) => drop(handshake),
        }
    }
}

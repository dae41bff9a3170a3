//! Injection: a case becomes hooks and small tasks on a fresh mock.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use crate::api::connection::Connection;
use crate::api::gate::Gate;
use crate::api::handle::Handle;
use crate::api::hook::Hook;
use crate::driver::Registration;
use crate::explore::case::{Case, Injection};
use crate::explore::fault::{Breakage, DELAY, Fault, LAG, OUTAGE};
use crate::explore::point::{Place, Point};
use crate::hook;
use crate::hook::builder::{Destination, HookBuilder, HookSpec};
use crate::hook::frames::FramePoint;
use crate::hook::point::{Actions, Deliveries, Handshakes, HookPoint, Operations, Reviews};
use crate::proto::close::CloseCode;
use crate::proto::error_code::ErrorCode;
use crate::service::review_handler::ReviewResponse;

/// The faults of a case in one mock.
pub(crate) struct Injected {
    reached: Vec<Reached>,
    /// The faults that are more than a hook.
    tasks: Vec<Pin<Box<dyn Future<Output = ()>>>>,
}

/// Whether a fault has happened.
enum Reached {
    Hook(Hook),
    Flag(Arc<AtomicBool>),
}

impl Injected {
    /// Injects all faults of a case.
    pub(crate) fn new(ivs: &Handle, case: &Case) -> Self {
        let mut injected = Self { reached: Vec::new(), tasks: Vec::new() };
        for injection in &case.0 {
            injected.inject(ivs, injection);
        }
        injected
    }

    /// Returns `true` if all faults have happened.
    pub(crate) fn are_all_reached(&self) -> bool {
        self.reached.iter().all(|reached| match reached {
            Reached::Hook(hook) => hook.hits() > 0,
            Reached::Flag(flag) => flag.load(Ordering::Relaxed),
        })
    }

    /// Polls the faults that are more than a hook.
    pub(crate) fn poll(&mut self, cx: &mut std::task::Context<'_>) {
        self.tasks.retain_mut(|task| task.as_mut().poll(cx).is_pending());
    }

    fn inject(&mut self, ivs: &Handle, injection: &Injection) {
        let Injection { point, fault } = injection;
        let name = injection.to_string();
        if fault.is_of_service() || point.place == Place::Clock {
            let flag = Arc::new(AtomicBool::new(false));
            // The event waits at a gate while the fault strikes, so the fault comes before its
            // effects.
            let gate = hold(ivs, point, &name);
            let task = strike(ivs.clone(), point.clone(), *fault, gate, Arc::clone(&flag));
            self.tasks.push(Box::pin(task));
            self.reached.push(Reached::Flag(flag));
        } else if let Some(spec) = spec(point, *fault, &name) {
            self.reached.push(Reached::Hook(ivs.install(spec)));
        } else {
            // Such a case can only be the user's, and no run reaches it.
            self.reached.push(Reached::Flag(Arc::default()));
        }
    }
}

/// Prepares a hook that fires before those of the scenario, at one event.
fn at<P: HookPoint, D: Destination>(
    builder: HookBuilder<P, D>,
    point: &Point,
    name: &str,
) -> HookBuilder<P, D> {
    // Before all hooks of the scenario: a hook that fires first would hide events from the count.
    builder.named(name).priority(i32::MAX).nth(point.nth())
}

/// Returns the hook of a fault; `None` if the fault cannot happen at such a point.
fn spec(point: &Point, fault: Fault, name: &str) -> Option<HookSpec> {
    let user = point.user.as_str();
    match point.place {
        Place::Connect => handshake(at(hook::on_handshake().from(user), point, name), fault),
        Place::Sends if fault == Fault::Lagging => {
            // `nth` is at least 1, so this does not underflow.
            let later = hook::on_action().from(user).after(point.nth() - 1);
            Some(later.named(name).priority(i32::MAX).delay(LAG))
        }
        Place::Gets if fault == Fault::Lagging => {
            // Not `nth`: a connection that lags does so from this event on.
            let later = hook::on_delivery().to(user).after(point.nth() - 1);
            Some(later.named(name).priority(i32::MAX).delay(LAG))
        }
        Place::Sends => action(at(hook::on_action().from(user), point, name), fault),
        Place::Gets => delivery(at(hook::on_delivery().to(user), point, name), fault),
        Place::Call(operation) => call(at(hook::on_operation(operation), point, name), fault),
        Place::Review => review(at(hook::on_review().from(user), point, name), fault),
        Place::Clock => None,
    }
}

fn handshake(on: HookBuilder<Handshakes, ()>, fault: Fault) -> Option<HookSpec> {
    Some(match fault {
        Fault::Refused(status) => on.refuse(status, "refused by the explorer"),
        Fault::Closed(code, has_reason) => {
            on.disconnect_with_reason(CloseCode(code), reason(has_reason))
        }
        Fault::Reset => on.reset(),
        Fault::Unanswered => on.never_respond(),
        Fault::Delayed => on.delay(DELAY),
        _ => return None,
    })
}

fn action(on: HookBuilder<Actions, ()>, fault: Fault) -> Option<HookSpec> {
    match fault {
        Fault::Lost => Some(on.ignore()),
        Fault::Nonsense => Some(on.respond("nonsense")),
        Fault::Rejected(code) => {
            let known = ErrorCode::ALL.into_iter().find(|known| known.code() == code)?;
            Some(on.reject(known, "rejected by the explorer"))
        }
        _ => frame(on, fault),
    }
}

fn delivery(on: HookBuilder<Deliveries, ()>, fault: Fault) -> Option<HookSpec> {
    match fault {
        Fault::Lost => Some(on.drop_frame()),
        Fault::Nonsense => Some(on.replace("nonsense")),
        Fault::Corrupt(damage) => Some(on.corrupt(damage.corruption())),
        _ => frame(on, fault),
    }
}

/// Returns the hook for a fault that frames of both directions have.
fn frame<P: FramePoint>(on: HookBuilder<P, ()>, fault: Fault) -> Option<HookSpec> {
    Some(match fault {
        Fault::Closed(code, has_reason) => {
            on.disconnect_with_reason(CloseCode(code), reason(has_reason))
        }
        Fault::Reset => on.reset(),
        Fault::Stalled => on.stall(),
        Fault::Delayed => on.delay(DELAY),
        Fault::Duplicated => on.duplicate(),
        Fault::Reordered => on.reorder(),
        _ => return None,
    })
}

fn call(on: HookBuilder<Operations, ()>, fault: Fault) -> Option<HookSpec> {
    Some(match fault {
        Fault::Reset => on.reset(),
        Fault::Unanswered => on.never_respond(),
        Fault::Delayed => on.delay(DELAY),
        Fault::Failed(modeled) => on.fail(modeled.exception()),
        Fault::Broken(Breakage::Unavailable) => on.respond(503, "Service Unavailable"),
        Fault::Broken(Breakage::Empty) => on.empty_body(),
        Fault::Broken(Breakage::HalfBody) => on.truncated_body(),
        Fault::Broken(Breakage::CutInHead) => on.close_in_head(),
        Fault::Broken(Breakage::CutInBody) => on.close_in_body(),
        _ => return None,
    })
}

fn review(on: HookBuilder<Reviews, ()>, fault: Fault) -> Option<HookSpec> {
    Some(match fault {
        Fault::Denied => on.respond(ReviewResponse::deny("denied by the explorer")),
        Fault::ReviewFailed => on.respond(ReviewResponse::fail()),
        Fault::ReviewTimedOut => on.respond(ReviewResponse::time_out()),
        Fault::Delayed => on.delay(DELAY),
        _ => return None,
    })
}

const fn reason(has_reason: bool) -> &'static str {
    if has_reason { "closed by the explorer" } else { "" }
}

/// Holds the event of a point at a gate; a moment of the clock has no event.
fn hold(ivs: &Handle, point: &Point, name: &str) -> Option<Gate> {
    let user = point.user.as_str();
    Some(match point.place {
        Place::Connect => at(ivs.on_handshake().from(user), point, name).hold(),
        Place::Sends => at(ivs.on_action().from(user), point, name).hold(),
        Place::Gets => at(ivs.on_delivery().to(user), point, name).hold(),
        Place::Call(operation) => at(ivs.on_operation(operation), point, name).hold(),
        Place::Review => at(ivs.on_review().from(user), point, name).hold(),
        Place::Clock => return None,
    })
}

/// Waits for a point, and makes a fault happen there that is more than a hook.
async fn strike(
    ivs: Handle,
    point: Point,
    fault: Fault,
    gate: Option<Gate>,
    is_reached: Arc<AtomicBool>,
) {
    match &gate {
        Some(gate) => until(&ivs, || gate.waiting() > 0).await,
        None if point.number == 0 => {}
        None => tokio::time::sleep(Duration::from_millis(point.number)).await,
    }
    // Before the fault, because the scenario may end during an outage, and this task with it.
    is_reached.store(true, Ordering::Relaxed);
    match fault {
        Fault::Restarted => ivs.restart(),
        Fault::Outage => {
            let outage = ivs.begin_outage(None);
            // Released during the outage: what waited is part of what the clients lose.
            gate.inspect(Gate::release);
            tokio::time::sleep(OUTAGE).await;
            return outage.end();
        }
        fault => {
            for connection in clients(&ivs) {
                if point.user.is_empty() || connection.user_id() == point.user {
                    strike_connection(&connection, fault);
                }
            }
        }
    }
    gate.inspect(Gate::release);
}

fn strike_connection(connection: &Connection, fault: Fault) {
    // The connection may have ended by itself. The fault then has no effect, which is fine.
    let _is_open = match fault {
        Fault::Closed(code, has_reason) => connection.close(CloseCode(code), reason(has_reason)),
        Fault::Reset => connection.reset(),
        Fault::Stalled => connection.stall(),
        Fault::Expired => connection.expire_session(),
        _ => false,
    };
}

/// Returns the open connections of clients, without stalled ones: the mock cannot notice that the
/// client of a stalled connection has disconnected.
pub(crate) fn connected(ivs: &Handle) -> impl Iterator<Item = Connection> {
    clients(ivs).filter(|connection| !connection.is_stalled())
}

fn clients(ivs: &Handle) -> impl Iterator<Item = Connection> {
    ivs.connections().into_iter().filter(|connection| !connection.is_participant())
}

/// Waits until a condition holds that only changes when the log grows.
pub(crate) async fn until(ivs: &Handle, condition: impl Fn() -> bool) {
    let registration = Registration::new(ivs.driver().waiters());
    poll_fn(|cx| {
        // Registered before the look, so that no change in between is missed.
        registration.register(cx.waker());
        if condition() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

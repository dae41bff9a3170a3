//! Gave up: clients that do not wait for a response.

use std::sync::Arc;

use crate::driver::Driver;
use crate::log::record::{GaveUp, What};
use crate::proto::operation::Operation;

impl Driver {
    /// Returns the user of a token that can still be redeemed.
    pub(crate) fn user_of(&self, token: &str) -> Option<String> {
        let state = self.state.lock();
        state.service.peek(token).map(|(user_id, _)| user_id.as_ref().to_owned())
    }

    /// Records that a client has ended its stream while its request was unanswered.
    pub(crate) fn client_gave_up(
        self: &Arc<Self>,
        operation: Option<Operation>,
        user_id: Option<&str>,
    ) {
        let gave_up = GaveUp { operation, user_id: user_id.map(str::to_owned) };
        self.step(|step| {
            let (now, cause) = (step.now, step.state.log.len());
            step.state.record(now, cause, What::GaveUp(Box::new(gave_up)));
        });
    }
}

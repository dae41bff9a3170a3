//! Hook: an installed hook.

use std::sync::Arc;

use crate::api::gate::Gate;
use crate::api::handle::Handle;
use crate::hook::ids::HookId;

/// An installed hook. Dropping this value does not remove the hook.
///
/// ```
/// use mock_ivs_chat::MockIvsChat;
///
/// let ivs = MockIvsChat::start();
/// let room = ivs.create_room("lobby");
/// let (alice, bob) = (room.participant("alice"), room.participant("bob"));
/// let deaf = ivs.on_delivery().to("bob").drop_frame();
/// alice.send_message("can you hear me?");
/// assert_eq!(deaf.hits(), 1);
/// deaf.remove();
/// alice.send_message("and now?");
/// bob.expect_message("and now?").wait();
/// ```
#[derive(Clone, Debug)]
pub struct Hook(Arc<Installed>);

/// A hook that the test can query. Dropping the last clone tells the mock.
#[derive(Debug)]
struct Installed {
    handle: Handle,
    id: HookId,
    gate: Option<Gate>,
}

impl Drop for Installed {
    fn drop(&mut self) {
        self.handle.driver().forget_hook(self.id);
    }
}

impl Hook {
    pub(crate) fn new(handle: Handle, id: HookId, gate: Option<Gate>) -> Self {
        Self(Arc::new(Installed { handle, id, gate }))
    }

    /// Returns the gate of a hook that was installed from a value and holds events; see
    /// [`HookSpec`](crate::hook::HookSpec).
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, hook};
    /// let ivs = MockIvsChat::start();
    /// assert!(ivs.install(hook::on_delivery().hold()).gate().is_some());
    /// assert!(ivs.install(hook::on_delivery().reset()).gate().is_none());
    /// ```
    #[must_use]
    pub fn gate(&self) -> Option<Gate> {
        self.0.gate.clone()
    }

    /// Returns the number of the hook within its mock, counted from 1 in the order of installation.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::start();
    /// ivs.on_action().ignore();
    /// assert_eq!(ivs.on_delivery().duplicate().number(), 2);
    /// ```
    #[must_use]
    pub fn number(&self) -> u64 {
        self.0.id.number
    }

    /// Returns how often the hook has fired so far. Frames that a client has written may still be on
    /// their way, so wait for an effect of the hook first, or for
    /// [`Handle::settled`](crate::Handle::settled).
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// assert_eq!(ivs.on_action().ignore().hits(), 0);
    /// ```
    #[must_use]
    pub fn hits(&self) -> usize {
        self.0.handle.driver().hook_hits(self.0.id)
    }

    /// Removes the hook. Events that it has already delayed or held are unaffected.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// ivs.on_action().ignore().remove();
    /// ```
    pub fn remove(&self) {
        self.0.handle.driver().remove_hook(self.0.id);
    }

    /// Returns a guard that removes the hook when it is dropped.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// {
    ///     let _silence = ivs.on_action().ignore().scoped();
    ///     alice.send_message("lost");
    /// }
    /// alice.send_message("heard");
    /// alice.expect_message("heard").wait();
    /// ```
    pub const fn scoped(self) -> HookGuard {
        HookGuard { hook: self }
    }
}

/// Removes a hook when it is dropped.
///
/// ```
/// use mock_ivs_chat::{HookGuard, MockIvsChat};
///
/// let ivs = MockIvsChat::start();
/// let guard: HookGuard = ivs.on_action().ignore().scoped();
/// assert_eq!(guard.hits(), 0);
/// ```
#[derive(Debug)]
#[must_use = "dropping the guard removes the hook"]
pub struct HookGuard {
    hook: Hook,
}

impl std::ops::Deref for HookGuard {
    type Target = Hook;

    fn deref(&self) -> &Hook {
        &self.hook
    }
}

impl Drop for HookGuard {
    fn drop(&mut self) {
        self.hook.remove();
    }
}

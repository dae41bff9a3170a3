//! Hook: a hook that is installed.

use crate::api::handle::Handle;
use crate::hook::chain::HookId;

/// A hook that is installed. It stays so until it is removed, also when this value is dropped.
///
/// ```
/// use mock_ivs_chat::MockIvsChat;
///
/// let ivs = MockIvsChat::start();
/// let room = ivs.create_room("lobby");
/// let (alice, bob) = (room.participant("alice"), room.participant("bob"));
/// let deaf = ivs.on_delivery().to("bob").drop_frame();
/// alice.say("can you hear me?");
/// assert_eq!(deaf.hits(), 1);
/// deaf.remove();
/// alice.say("and now?");
/// bob.expect_message_blocking("and now?");
/// ```
#[derive(Clone, Debug)]
pub struct Hook {
    pub(crate) handle: Handle,
    pub(crate) id: HookId,
}

impl Hook {
    /// How often it has fired.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// assert_eq!(ivs.on_action().ignore().hits(), 0);
    /// ```
    #[must_use]
    pub fn hits(&self) -> usize {
        self.handle.driver().hook_hits(self.id)
    }

    /// Removes it; what it delays or holds already goes on as it was to.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// ivs.on_action().ignore().remove();
    /// ```
    pub fn remove(&self) {
        self.handle.driver().remove_hook(self.id);
    }

    /// Has it removed when the guard is dropped.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// {
    ///     let _silence = ivs.on_action().ignore().scoped();
    ///     alice.say("lost");
    /// }
    /// alice.say("heard");
    /// alice.expect_message_blocking("heard");
    /// ```
    pub const fn scoped(self) -> HookGuard {
        HookGuard { hook: self }
    }
}

/// Keeps a hook installed until it is dropped.
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

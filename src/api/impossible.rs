//! Impossible: why nothing in a view can ever match, so that a wait or an assertion says nothing.

use crate::api::handle::listed;
use crate::api::log::Log;
use crate::driver::Driver;
use crate::log::filter::Filter;
use crate::log::matcher::Matcher;
use crate::proto::frame::ChatEvent;
use crate::service::room_names::RoomNames;

/// Returns the reason if the conditions of a view and a matcher exclude each other.
pub(crate) fn conflict(
    driver: &Driver,
    filter: &Filter,
    matcher: Option<&Matcher>,
) -> Option<String> {
    // Only then, because each wait of a participant would look it up.
    let names_user = filter.user().is_some()
        || matcher.into_iter().chain(filter.matchers()).any(|it| it.user_id().is_some());
    let connection = filter.connection().filter(|_| names_user);
    let peer = connection.and_then(|(connection, _)| driver.peer(connection));
    filter.conflict(peer.as_ref().map(|peer| &*peer.user_id), matcher)
}

impl Log {
    /// Returns the reason why no entry can match, if there is one.
    pub(super) fn impossibility(&self, matcher: &Matcher) -> Option<String> {
        conflict(&self.driver, &self.filter, Some(matcher))
            .or_else(|| self.unknown_room(matcher))
            .or_else(|| self.unknown_name(matcher))
            .or_else(|| self.misspelled_user(matcher))
    }

    /// Returns the reason if a user has never connected whose ID looks like that of another user.
    /// Other unknown IDs may be meant: a test can assert that a user never got in.
    fn misspelled_user(&self, matcher: &Matcher) -> Option<String> {
        let in_matchers = self.filter.matchers().chain([matcher]).filter_map(Matcher::user_id);
        self.filter.user().into_iter().chain(in_matchers).find_map(|wanted| {
            let meant = self.driver.meant_user(wanted)?;
            Some(format!("no user {wanted:?} has connected: did you mean {meant:?}?"))
        })
    }

    /// Returns the reason if a room does not exist, or if no entry can be in all of the rooms.
    fn unknown_room(&self, matcher: &Matcher) -> Option<String> {
        let in_matchers = self.filter.matchers().chain([matcher]).flat_map(Matcher::room_names);
        let wanted: Vec<_> = self.filter.rooms().chain(in_matchers).collect();
        let unknown = wanted.iter().find(|room| !self.has_room(&[room]));
        if let Some(room) = unknown {
            let rooms = self.driver.rooms(|room| room.label().to_owned());
            return Some(format!("no room {room:?}; rooms: {}", listed(&rooms)));
        }
        let first = wanted.first()?;
        if let Some(other) = wanted.iter().find(|other| !self.has_room(&[first, other])) {
            return Some(format!("no room is {first:?} as well as {other:?}"));
        }
        let (connection, label) = self.filter.connection()?;
        let peer = self.driver.peer(connection)?;
        let other = wanted.iter().find(|room| !peer.room.include(room))?;
        // The room may have had another name.
        let mut entries = self.driver.entries_since(0).0.into_iter();
        let was_there =
            entries.any(|entry| entry.connection() == Some(connection) && entry.is_in_room(other));
        (!was_there).then(|| format!("the connection of {label} is not in room {other:?}"))
    }

    /// Returns `true` if there is, or was, a room that has all of these names.
    fn has_room(&self, names: &[&str]) -> bool {
        let has_names = |room: &RoomNames| names.iter().all(|name| room.include(name));
        if self.driver.find_room(|_, room| has_names(&room.names()).then_some(())).is_ok() {
            return true;
        }
        // A room that has been deleted is still in the log, which is read only for this.
        let (entries, _) = self.driver.entries_since(0);
        entries.iter().any(|entry| names.iter().all(|name| entry.is_in_room(name)))
    }

    /// Returns the reason if an event of the service or a hook has a name that does not exist.
    fn unknown_name(&self, matcher: &Matcher) -> Option<String> {
        let mut matchers = self.filter.matchers().chain([matcher]);
        matchers.find_map(|matcher| self.unknown_hook(matcher).or_else(|| unknown_event(matcher)))
    }

    fn unknown_hook(&self, matcher: &Matcher) -> Option<String> {
        let name = matcher.hook_name()?;
        let named = self.driver.names_unless_hook(name)?;
        Some(format!("no hook {name:?} was installed; named hooks: {}", listed(&named)))
    }
}

fn unknown_event(matcher: &Matcher) -> Option<String> {
    let own = [ChatEvent::DELETE_MESSAGE, ChatEvent::DISCONNECT_USER];
    let name = matcher.event_name().filter(|name| name.starts_with("aws:"))?;
    let events = own.map(str::to_owned);
    (!own.contains(&name))
        .then(|| format!("the service sends no such event; events: {}", listed(&events)))
}

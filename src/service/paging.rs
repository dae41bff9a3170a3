//! Paging: lists in pages that all keep the order of the first page.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Map, Value};

use crate::proto::exception::{Exception, FieldFailure};
use crate::proto::request::Paging;
use crate::proto::timestamp::Timestamp;
use crate::service::control::ControlResult;

/// The changes of one resource: the time of the last one, and its place among the changes of all
/// resources, because a clock may stand still.
#[derive(Clone, Debug)]
pub(crate) struct ChangeHistory {
    pub(crate) updated: Timestamp,
    /// Ascending, and never empty: the last change, and each earlier one that a page may show.
    revisions: Vec<u64>,
}

impl ChangeHistory {
    pub(crate) fn created(at: Timestamp, revision: u64) -> Self {
        Self { updated: at.whole_milliseconds(), revisions: vec![revision] }
    }

    /// Adds a change, and removes those that no page of `listings` can still show.
    pub(crate) fn change(&mut self, at: Timestamp, revision: u64, listings: &Listings) {
        // A configuration may be changed before the time at which its creation was complete.
        self.updated = at.whole_milliseconds().max(self.updated);
        // From the latest to the earliest: an earlier revision matters only to a listing that
        // started after it and before its replacement.
        let mut kept = vec![revision];
        let mut replacement = revision;
        for earlier in std::mem::take(&mut self.revisions).into_iter().rev() {
            if listings.has_started_within(earlier, replacement) {
                kept.push(earlier);
            }
            replacement = earlier;
        }
        kept.reverse();
        self.revisions = kept;
    }

    /// Returns the last change up to a revision; `None` if the resource was created later.
    pub(crate) fn as_of(&self, revision: u64) -> Option<u64> {
        let count = self.revisions.partition_point(|own| *own <= revision);
        self.revisions[..count].last().copied()
    }

    #[cfg(test)]
    pub(crate) fn revision_count(&self) -> usize {
        self.revisions.len()
    }
}

/// The listings with a further page, as the revisions at which they started.
#[derive(Debug, Default)]
pub(crate) struct Listings(BTreeSet<u64>);

impl Listings {
    pub(crate) const fn new() -> Self {
        Self(BTreeSet::new())
    }

    /// Returns a page of a list, the latest change first. `revision` is that of now.
    ///
    /// Assumed: all pages have the order of the moment at which the first page was requested.
    /// Therefore a change in between neither hides a resource nor lists one twice.
    pub(super) fn page(
        &mut self,
        revision: u64,
        list: &str,
        items: Vec<(&ChangeHistory, Map<String, Value>)>,
        paging: &Paging,
    ) -> ControlResult {
        let token = match paging.next_token.as_deref().filter(|token| !token.is_empty()) {
            Some(token) => PageToken::decode(list, token)
                .filter(|token| self.0.contains(&token.start))
                .ok_or_else(not_a_page_token)?,
            None => PageToken { start: revision, before: u64::MAX },
        };
        let mut items: Vec<_> = items
            .into_iter()
            .filter_map(|(history, item)| Some((history.as_of(token.start)?, item)))
            .filter(|(revision, _)| *revision < token.before)
            .collect();
        items.sort_by_key(|(revision, _)| Reverse(*revision));
        // Documented: a page has 50 items unless fewer are requested.
        let size = paging.max_results.unwrap_or(50) as usize;
        let has_more = items.len() > size;
        items.truncate(size);
        let last = items.last().map(|(revision, _)| *revision);
        let items = items.into_iter().map(|(_, item)| Value::Object(item)).collect();
        let mut response = Map::from_iter([(list.to_owned(), Value::Array(items))]);
        if let Some(before) = last.filter(|_| has_more) {
            self.remember(token.start);
            let next = PageToken { before, ..token };
            response.insert("nextToken".into(), next.encode(list).into());
        }
        Ok(response)
    }

    fn remember(&mut self, start: u64) {
        self.0.insert(start);
        if self.0.len() > MAXIMUM_LISTINGS {
            // Revisions count up, so the first one belongs to the oldest listing.
            self.0.pop_first();
        }
    }

    /// Returns `true` if a listing started at or after `revision` and before `replacement`.
    fn has_started_within(&self, revision: u64, replacement: u64) -> bool {
        self.0.range(revision..replacement).next().is_some()
    }
}

/// Assumed: a token that the service has not issued for this list is an invalid member.
fn not_a_page_token() -> Exception {
    let why = "must be the nextToken of an earlier page".into();
    Exception::fields(&[FieldFailure { name: "nextToken".into(), why }])
}

/// The start of the next page of a list.
#[derive(Clone, Copy, Debug)]
struct PageToken {
    /// The revision at which the first page was requested.
    start: u64,
    /// The revision of the last resource that was listed.
    before: u64,
}

impl PageToken {
    fn encode(self, list: &str) -> String {
        let Self { start, before } = self;
        BASE64URL_NOPAD.encode(format!("{list}/{start}/{before}").as_bytes())
    }

    fn decode(list: &str, token: &str) -> Option<Self> {
        let text = String::from_utf8(BASE64URL_NOPAD.decode(token.as_bytes()).ok()?).ok()?;
        let (start, before) = text.strip_prefix(list)?.strip_prefix('/')?.split_once('/')?;
        Some(Self { start: start.parse().ok()?, before: before.parse().ok()? })
    }
}

/// Assumed: a `nextToken` expires at some time. Here it expires after this many later listings with
/// changes between them.
const MAXIMUM_LISTINGS: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_that_no_page_shows_are_forgotten() {
        let (at, mut listings) = (Timestamp::default(), Listings::new());
        let mut history = ChangeHistory::created(at, 1);
        for revision in 2..=100_000 {
            history.change(at, revision, &listings);
        }
        assert_eq!(history.revisions, [100_000]);
        listings.remember(100_001);
        history.change(at, 100_003, &listings);
        assert_eq!(history.revisions, [100_000, 100_003]);
        listings.remember(100_003);
        history.change(at, 100_004, &listings);
        listings.remember(100_004);
        history.change(at, 100_005, &listings);
        assert_eq!(history.revisions, [100_000, 100_003, 100_004, 100_005]);
        history.change(at, 100_006, &listings);
        assert_eq!(history.revisions, [100_000, 100_003, 100_004, 100_006]);
        let shown: Vec<_> = (0..8).map(|offset| history.as_of(99_999 + offset)).collect();
        let expected = [None, Some(100_000), Some(100_000), Some(100_000), Some(100_003)];
        assert_eq!(shown[..5], expected);
        assert_eq!(shown[5..], [Some(100_004), Some(100_004), Some(100_006)]);
    }
}

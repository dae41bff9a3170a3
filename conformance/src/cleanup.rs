//! Cleanup: deletes what a run has created, in bounded time, and says what is left.

use std::future::Future;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::ledger::{CREATIONS, Cleanup, Creation, Left};
use crate::session::{Session, TAG};

impl Session {
    /// Deletes the resources that scripts have created; returns those that it could not delete.
    /// They stay in the ledger. Those that could not be deleted before are tried again, or not.
    pub(crate) async fn clean(&self, again: bool) -> Vec<Left> {
        let mut left = Vec::new();
        for arn in self.ledger.arns(again) {
            match self.bounded(self.delete(&arn)).await {
                Ok(()) => self.ledger.remove(&arn),
                Err(why) => {
                    self.ledger.refuse(&arn);
                    left.push(Left { resource: arn, why });
                }
            }
        }
        left
    }

    async fn delete(&self, arn: &str) -> Result<(), String> {
        let is_room = arn.contains(":room/");
        let operation = if is_room { "DeleteRoom" } else { "DeleteLoggingConfiguration" };
        let members = Map::from_iter([("identifier".to_owned(), json!(arn))]);
        let response = self.persist(operation, members).await?;
        // A script may have deleted it in a way of its own.
        let is_gone = response.is_success() || response.status == 404;
        if is_gone { Ok(()) } else { Err(response.text()) }
    }

    /// Does a part of the cleanup within its limits.
    async fn bounded<T>(&self, work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
        let limit = self.stop.time_for_deletion().unwrap_or(PART_LIMIT).min(PART_LIMIT);
        if limit.is_zero() {
            return Err("not tried, because the deletion took too long".into());
        }
        tokio::select! {
            biased;
            () = self.stop.abandoned() => Err("the deletion was interrupted".into()),
            done = tokio::time::timeout(limit, work) => {
                done.unwrap_or_else(|_| Err(format!("no response within {} s", limit.as_secs())))
            }
        }
    }

    /// Deletes all that this run has left, and all that it may have created without a response,
    /// found by its tag or its name.
    pub(crate) async fn finish(&self) -> Cleanup {
        let mut left = self.clean(true).await;
        if !self.ledger.has_creations() {
            return Cleanup { left, ..Cleanup::default() };
        }
        let mut unknown = self.ledger.take_unknown();
        let mut listings = Vec::new();
        for attempt in 1..=ATTEMPTS {
            listings.clear();
            for (creation, listing, list) in CREATIONS {
                let found = self.bounded(self.marked(listing, list, Some(&self.run))).await;
                for arn in found.iter().flatten() {
                    if self.ledger.add(arn) {
                        forget_one(&mut unknown, creation);
                    }
                }
                listings.push((creation, found.err()));
            }
            left = self.clean(true).await;
            let can_wait = unknown.iter().any(|creation| creation.is_marked)
                && listings.iter().all(|(_, problem)| problem.is_none());
            if !can_wait || attempt == ATTEMPTS {
                break;
            }
            // A service may list a new resource later than it creates it.
            let pause = async {
                tokio::time::sleep(PAUSE).await;
                Ok(())
            };
            let _ = self.bounded(pause).await;
        }
        let problem_of = |operation| {
            let listing = listings.iter().find(|(creation, _)| *creation == operation);
            listing.and_then(|(_, problem)| problem.clone())
        };
        let mut doubts = Vec::new();
        for Creation { operation, is_marked, how, .. } in unknown {
            let problem = match problem_of(operation) {
                None if is_marked => {
                    doubts.push(format!(
                        "{operation} {how}, and nothing of it is listed; if something appears \
                         later, --clean deletes it"
                    ));
                    continue;
                }
                None => "has no tag by which it could be found".into(),
                Some(problem) => problem,
            };
            let resource = format!("the result of {operation}");
            left.push(Left { resource, why: format!("it {how}, and {problem}") });
        }
        Cleanup { left, doubts }
    }

    /// Adds the resources of all runs of this program to the ledger. An error says what could not
    /// be listed; the rest is there.
    pub(crate) async fn find_all(&self) -> Result<(), String> {
        let mut problems = Vec::new();
        for (_, listing, list) in CREATIONS {
            match self.bounded(self.marked(listing, list, None)).await {
                Ok(arns) => arns.iter().for_each(|arn| {
                    self.ledger.add(arn);
                }),
                Err(why) => problems.push(why),
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
    }

    /// Returns the ARNs of all resources with the tag or the name of a run, or of any run.
    async fn marked(
        &self,
        listing: &str,
        list: &str,
        run: Option<&str>,
    ) -> Result<Vec<String>, String> {
        let is_marked = |item: &Value| {
            let prefix = run.map_or_else(|| format!("{TAG}-"), |_| self.name_prefix());
            item["name"].as_str().is_some_and(|name| name.starts_with(&prefix))
                || item["tags"][TAG].as_str().is_some_and(|tag| run.is_none_or(|run| tag == run))
        };
        let mut arns = Vec::new();
        let mut next_token = Value::Null;
        loop {
            let mut members = Map::new();
            if !next_token.is_null() {
                members.insert("nextToken".into(), next_token.clone());
            }
            let called = self.persist(listing, members).await;
            let response = called.map_err(|why| format!("{listing}: {why}"))?;
            if !response.is_success() {
                return Err(format!("{listing}: {}", response.text()));
            }
            let page = response.json();
            let items = page[list].as_array().into_iter().flatten();
            for item in items.filter(|item| is_marked(item)) {
                let arn = item["arn"].as_str();
                let arn = arn.ok_or_else(|| format!("{listing} has a resource without an ARN"))?;
                arns.push(arn.to_owned());
            }
            let last_token = std::mem::replace(&mut next_token, page["nextToken"].clone());
            if next_token.as_str().unwrap_or_default().is_empty() {
                return Ok(arns);
            }
            if next_token == last_token {
                return Err(format!("{listing} repeats its nextToken"));
            }
        }
    }
}

/// Removes one creation by this operation: its resource has been found.
fn forget_one(unknown: &mut Vec<Creation>, operation: &str) {
    let marked = unknown.iter().position(|one| one.operation == operation && one.is_marked);
    if let Some(at) = marked {
        unknown.remove(at);
    }
}

/// How long a deletion or a listing may take.
const PART_LIMIT: Duration = Duration::from_secs(20);

/// How often resources are looked for that may have been created.
const ATTEMPTS: u32 = 3;

const PAUSE: Duration = Duration::from_secs(1);

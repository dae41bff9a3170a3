//! State: the rooms, logging configurations and tags that survive a restart.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use mock_ivs_chat::log::{Entry, EntryKind, Mark};
use mock_ivs_chat::{Exception, Handle, Log, Operation, Wait};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{news, output, tls};

/// A file, and the resources that are in it. A clone is about the same file.
#[derive(Clone)]
pub(crate) struct State {
    file: Arc<PathBuf>,
    kept: Arc<Mutex<Kept>>,
}

/// The resources, as of a position of the log.
///
/// A call changes resources and is recorded in one step, so the log tells each change in order.
/// Only where it does not, the resources are read from the service again, which the log shows: a
/// hook has changed a response, or entries were dropped before they were read.
#[derive(Default)]
struct Kept {
    resources: Resources,
    /// The entries before this have been read.
    mark: Option<Mark>,
    /// The index of the next entry, once one has been read.
    next: Option<u64>,
    /// The calls that change resources and have no response yet.
    calls: BTreeMap<u64, Map<String, Value>>,
    /// Whether the resources must be read from the service.
    is_stale: bool,
    /// Whether the file does not have the latest change.
    is_unwritten: bool,
}

/// The resources by their ARNs, each as the service describes it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Resources {
    version: u32,
    logging_configurations: BTreeMap<String, Map<String, Value>>,
    rooms: BTreeMap<String, Map<String, Value>>,
}

const VERSION: u32 = 1;

impl Default for Resources {
    fn default() -> Self {
        Self { version: VERSION, logging_configurations: BTreeMap::new(), rooms: BTreeMap::new() }
    }
}

impl State {
    /// Reads a file. One that does not exist has no resources.
    pub(crate) fn read(file: &Path) -> Result<Self, String> {
        let shown = file.display();
        let resources = match fs::read(file) {
            Ok(text) => {
                let resources: Resources = serde_json::from_slice(&text)
                    .map_err(|error| format!("{shown}: not a state of this program: {error}"))?;
                if resources.version != VERSION {
                    let version = resources.version;
                    return Err(format!(
                        "{shown}: version {version} of the state is not supported"
                    ));
                }
                resources
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Resources::default(),
            Err(error) => return Err(format!("{shown}: {error}")),
        };
        let kept = Kept { resources, ..Kept::default() };
        let state = Self { file: Arc::new(file.into()), kept: Arc::new(Mutex::new(kept)) };
        // A file that cannot be written should be reported now, not after the first change.
        state.write(&state.kept.lock().resources).map_err(|error| format!("{shown}: {error}"))?;
        Ok(state)
    }

    /// Creates the resources again, with the ARNs that they had. Their times are new.
    pub(crate) fn restore(&self, ivs: &Handle) -> Result<(), String> {
        let resources = self.kept.lock().resources.clone();
        let kinds = [
            (Operation::CreateLoggingConfiguration, resources.logging_configurations),
            (Operation::CreateRoom, resources.rooms),
        ];
        for (create, resources) in kinds {
            for (arn, resource) in resources {
                restore(ivs, create, &arn, resource).map_err(|message| {
                    format!("{}: {arn} cannot be restored: {message}", self.file.display())
                })?;
            }
        }
        ivs.clear_log();
        Ok(())
    }

    /// Writes the file whenever a resource has changed, on a thread of its own.
    pub(crate) fn keep(&self, ivs: &Handle) {
        let (state, ivs) = (self.clone(), ivs.clone());
        thread::spawn(move || {
            loop {
                if let Err(message) = state.flush(&ivs) {
                    output::complain(&message);
                }
                news::wait(state.news(&ivs));
            }
        });
    }

    /// Writes the file if a resource has changed since it was written.
    pub(crate) fn flush(&self, ivs: &Handle) -> Result<(), String> {
        self.save(ivs, &mut self.kept.lock())
    }

    /// Clears the log. No change that it tells gets lost.
    pub(crate) fn clear_log(&self, ivs: &Handle) -> Result<(), String> {
        let mut kept = self.kept.lock();
        kept.read(&ivs.log());
        ivs.clear_log();
        // Another entry may have been recorded and cleared since the last ones were read.
        kept.is_stale |= kept.mark != Some(ivs.log().mark());
        self.save(ivs, &mut kept)
    }

    fn save(&self, ivs: &Handle, kept: &mut Kept) -> Result<(), String> {
        kept.read(&ivs.log());
        let shown = self.file.display();
        if kept.is_stale {
            let resources = Resources::of(ivs);
            kept.resources = resources.map_err(|refusal| {
                format!("{shown}: is not up to date, because rooms cannot be read: {refusal}")
            })?;
            (kept.is_stale, kept.is_unwritten) = (false, true);
        }
        if kept.is_unwritten {
            let written = self.write(&kept.resources);
            written.map_err(|error| format!("{shown}: cannot be written: {error}"))?;
            kept.is_unwritten = false;
        }
        Ok(())
    }

    /// Waits for an entry that may be about a change.
    fn news(&self, ivs: &Handle) -> Wait<Entry> {
        let kept = self.kept.lock();
        let log = match kept.mark {
            Some(mark) => ivs.log().since(mark),
            None => ivs.log(),
        };
        let next = kept.next.unwrap_or(0);
        log.wait_for(move |entry| {
            let is_new = entry.index() >= next;
            is_new && (may_change_resources(entry) || entry.index() >= next + MOST_UNREAD)
        })
    }

    /// Replaces the file in one step: a reader sees the old state or the new one.
    fn write(&self, resources: &Resources) -> io::Result<()> {
        tls::write(&self.file, &(serde_json::to_string_pretty(resources)? + "\n"))
    }
}

/// The largest number of entries that are left unread because no change is among them.
const MOST_UNREAD: u64 = 10_000;

fn may_change_resources(entry: &Entry) -> bool {
    match entry.kind() {
        EntryKind::Response => entry.operation().is_some_and(writes),
        EntryKind::HookFired => true,
        EntryKind::TestAction => is_reset(entry),
        _ => false,
    }
}

/// Returns `true` if an operation changes rooms, logging configurations or their tags.
const fn writes(operation: Operation) -> bool {
    use Operation::{
        CreateLoggingConfiguration, CreateRoom, DeleteLoggingConfiguration, DeleteRoom,
        TagResource, UntagResource, UpdateLoggingConfiguration, UpdateRoom,
    };
    matches!(
        operation,
        CreateRoom
            | UpdateRoom
            | DeleteRoom
            | CreateLoggingConfiguration
            | UpdateLoggingConfiguration
            | DeleteLoggingConfiguration
            | TagResource
            | UntagResource
    )
}

/// Returns `true` for the entry of a reset, which deletes all resources.
fn is_reset(entry: &Entry) -> bool {
    entry.connection().is_none() && entry.to_json()["summary"] == "~ all rooms deleted by the test"
}

fn body(entry: &Entry) -> Map<String, Value> {
    entry.text().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

impl Kept {
    /// Reads the entries that are new.
    fn read(&mut self, log: &Log) {
        let mark = log.mark();
        let news = match self.mark {
            Some(mark) => log.clone().since(mark).entries(),
            None => log.entries(),
        };
        let first = self.next.unwrap_or(0);
        // Entries that were recorded while the last ones were read come twice.
        for entry in news.into_iter().filter(|entry| entry.index() >= first) {
            // The log may have dropped entries before they were read.
            self.is_stale |= self.next.is_some_and(|next| entry.index() > next);
            self.next = Some(entry.index() + 1);
            self.apply(&entry);
        }
        self.mark = Some(mark);
    }

    fn apply(&mut self, entry: &Entry) {
        match entry.kind() {
            EntryKind::Request if entry.operation().is_some_and(writes) => {
                self.calls.insert(entry.index(), body(entry));
            }
            EntryKind::HookFired => {
                let call = entry.cause().and_then(|cause| self.calls.remove(&cause));
                self.is_stale |= call.is_some();
            }
            EntryKind::Response if entry.operation().is_some_and(writes) => {
                let call = entry.cause().and_then(|cause| self.calls.remove(&cause));
                let is_success = entry.status().is_some_and(|status| status < 300);
                match call {
                    Some(request) if is_success => {
                        self.is_unwritten |= self.resources.apply(entry, &request);
                    }
                    Some(_) => {}
                    // A hook may have made this response.
                    None => self.is_stale = true,
                }
            }
            EntryKind::TestAction if is_reset(entry) => {
                self.resources = Resources::default();
                self.is_unwritten = true;
            }
            _ => {}
        }
    }
}

/// Creates a resource. IDs count from 1, so resources that were deleted in the meantime are created
/// and deleted once more until the ID fits.
fn restore(
    ivs: &Handle,
    create: Operation,
    arn: &str,
    mut resource: Map<String, Value>,
) -> Result<(), String> {
    for member in ["arn", "createTime", "id", "state", "updateTime"] {
        resource.remove(member);
    }
    let refused = |refusal: Exception| refusal.to_string();
    loop {
        let created = ivs.call(create, Value::Object(resource.clone())).map_err(refused)?;
        let created = created["arn"].as_str().unwrap_or_default();
        if created == arn {
            return Ok(());
        }
        if created > arn {
            return Err(format!("another region, account or resource is in its place: {created}"));
        }
        let delete = match create {
            Operation::CreateRoom => Operation::DeleteRoom,
            _ => Operation::DeleteLoggingConfiguration,
        };
        ivs.call(delete, json!({ "identifier": created })).map_err(refused)?;
    }
}

impl Resources {
    /// Reads the resources of the service.
    fn of(ivs: &Handle) -> Result<Self, Exception> {
        let kind = |list, members: &str, get| {
            let mut resources = BTreeMap::new();
            let mut request = json!({});
            loop {
                let mut listed = ivs.call(list, request)?;
                for listed in listed[members].as_array().into_iter().flatten() {
                    match ivs.call(get, json!({ "identifier": listed["arn"] })) {
                        Ok(Value::Object(resource)) => {
                            let arn = listed["arn"].as_str().unwrap_or_default();
                            resources.insert(arn.to_owned(), resource);
                        }
                        // It has been deleted since it was listed.
                        Err(refusal) if refusal.status() == 404 => {}
                        Err(refusal) => return Err(refusal),
                        Ok(_) => {}
                    }
                }
                match listed["nextToken"].take() {
                    Value::Null => return Ok(resources),
                    token => request = json!({ "nextToken": token }),
                }
            }
        };
        use Operation::{GetLoggingConfiguration, GetRoom, ListLoggingConfigurations, ListRooms};
        Ok(Self {
            version: VERSION,
            rooms: kind(ListRooms, "rooms", GetRoom)?,
            logging_configurations: kind(
                ListLoggingConfigurations,
                "loggingConfigurations",
                GetLoggingConfiguration,
            )?,
        })
    }

    /// Applies a successful response; returns `true` if it has changed anything.
    fn apply(&mut self, response: &Entry, request: &Map<String, Value>) -> bool {
        use Operation::{
            CreateLoggingConfiguration, CreateRoom, DeleteLoggingConfiguration, DeleteRoom,
            TagResource, UntagResource, UpdateLoggingConfiguration, UpdateRoom,
        };
        let resource = body(response);
        let text = |members: &Map<String, Value>, name: &str| {
            members.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        match response.operation() {
            Some(CreateRoom | UpdateRoom) => {
                self.rooms.insert(text(&resource, "arn"), resource);
            }
            Some(CreateLoggingConfiguration | UpdateLoggingConfiguration) => {
                self.logging_configurations.insert(text(&resource, "arn"), resource);
            }
            Some(DeleteRoom) => {
                self.rooms.remove(&text(request, "identifier"));
            }
            Some(DeleteLoggingConfiguration) => {
                self.logging_configurations.remove(&text(request, "identifier"));
            }
            Some(operation @ (TagResource | UntagResource)) => {
                let arn = text(request, "resourceArn");
                let rooms = self.rooms.get_mut(&arn);
                let resource = rooms.or_else(|| self.logging_configurations.get_mut(&arn));
                let Some(resource) = resource else { return false };
                let tags = resource.entry("tags").or_insert_with(|| json!({}));
                let Value::Object(tags) = tags else { return false };
                if operation == TagResource {
                    let added = request.get("tags").and_then(Value::as_object).cloned();
                    tags.extend(added.unwrap_or_default());
                } else {
                    let keys = request.get("tagKeys").and_then(Value::as_array);
                    for key in keys.into_iter().flatten().filter_map(Value::as_str) {
                        tags.remove(key);
                    }
                }
            }
            _ => return false,
        }
        true
    }
}

//! State: the rooms, logging configurations and tags that survive a restart.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use mock_ivs_chat::log::{Entry, EntryKind};
use mock_ivs_chat::{Exception, Handle, Operation};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::output;

/// A file, and the resources that are in it. A clone is about the same file.
#[derive(Clone)]
pub(crate) struct State {
    file: Arc<PathBuf>,
    resources: Arc<Mutex<Resources>>,
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
        let state =
            Self { file: Arc::new(file.into()), resources: Arc::new(Mutex::new(resources)) };
        // A file that cannot be written should be reported now, not after the first change.
        state.write().map_err(|error| format!("{shown}: {error}"))?;
        Ok(state)
    }

    /// Creates the resources again, with the ARNs that they had. Their times are new.
    pub(crate) fn restore(&self, ivs: &Handle) -> Result<(), String> {
        let resources = self.resources.lock().clone();
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

    /// Writes the file whenever a call has changed a resource, on a thread of its own.
    pub(crate) fn keep(&self, ivs: &Handle) {
        let (state, log) = (self.clone(), ivs.log());
        let cursor = log.clone().kind(EntryKind::Response).cursor();
        thread::spawn(move || {
            loop {
                let response = cursor.wait_for(changes_resources).wait();
                let request =
                    log.entries().into_iter().find(|entry| Some(entry.index()) == response.cause());
                let request = request.as_ref().map(body).unwrap_or_default();
                let has_changed = state.change(|resources| resources.apply(&response, &request));
                if has_changed {
                    state.save();
                }
            }
        });
    }

    /// Forgets all resources.
    pub(crate) fn clear(&self) {
        self.change(|resources| *resources = Resources::default());
        self.save();
    }

    fn change<T>(&self, change: impl FnOnce(&mut Resources) -> T) -> T {
        change(&mut self.resources.lock())
    }

    fn save(&self) {
        if let Err(error) = self.write() {
            output::complain(&format!("{}: cannot be written: {error}", self.file.display()));
        }
    }

    /// Replaces the file in one step: a reader sees the old state or the new one.
    fn write(&self) -> io::Result<()> {
        let resources = self.resources.lock();
        let mut name = self.file.as_os_str().to_owned();
        name.push(".new");
        fs::write(&name, serde_json::to_string_pretty(&*resources)? + "\n")?;
        fs::rename(&name, &*self.file)
    }
}

/// Returns `true` for a successful response to an operation that writes.
fn changes_resources(response: &Entry) -> bool {
    let reads = |operation: Operation| {
        let name = operation.name();
        name.starts_with("Get") || name.starts_with("List")
    };
    let is_success = response.status().is_some_and(|status| status < 300);
    is_success && response.operation().is_some_and(|operation| !reads(operation))
}

fn body(entry: &Entry) -> Map<String, Value> {
    entry.text().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
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

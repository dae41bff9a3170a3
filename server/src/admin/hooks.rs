//! Hooks as JSON.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use mock_ivs_chat::Hook;
use mock_ivs_chat::hook::HookSpec;
use serde_json::{Value, json};

use crate::admin::connections::Nothing;
use crate::admin::{App, Shared};
use crate::extract::{Body, Path};
use crate::problem::Problem;

/// A hook that a request has installed.
pub(super) struct Installed {
    hook: Hook,
    spec: HookSpec,
}

impl Installed {
    fn shown(&self) -> Value {
        // A specification that came as JSON can be written as JSON.
        let spec = serde_json::to_value(&self.spec).unwrap_or_default();
        let mut shown = json!({
            "id": self.hook.number().to_string(),
            "hits": self.hook.hits(),
            "spec": spec,
        });
        shown["name"] = spec_name(&shown["spec"]);
        if let Some(gate) = self.hook.gate() {
            shown["waitingAtGate"] = json!(gate.waiting());
        }
        shown
    }
}

fn spec_name(spec: &Value) -> Value {
    spec.get("name").cloned().unwrap_or_default()
}

impl App {
    /// Calls a closure with an installed hook.
    fn hook<T>(&self, id: &str, read: impl FnOnce(&Installed) -> T) -> Result<T, Problem> {
        let hooks = self.hooks();
        let number = id.parse().ok();
        let found = number.and_then(|number: u64| hooks.get(&number));
        found.map(read).ok_or_else(|| {
            let known: Vec<_> = hooks.keys().take(10).map(ToString::to_string).collect();
            let known = if known.is_empty() { "none".into() } else { known.join(", ") };
            Problem::not_found(format!("there is no hook {id:?}; hooks: {known}"))
        })
    }
}

pub(super) async fn list(State(app): Shared) -> Json<Value> {
    let hooks: Vec<_> = app.hooks().values().map(Installed::shown).collect();
    Json(json!({ "hooks": hooks }))
}

pub(super) async fn install(
    State(app): Shared,
    Body(spec): Body<HookSpec>,
) -> (StatusCode, Json<Value>) {
    let hook = app.ivs.install(spec.clone());
    let number = hook.number();
    let installed = Installed { hook, spec };
    let shown = installed.shown();
    app.hooks().insert(number, installed);
    (StatusCode::CREATED, Json(shown))
}

pub(super) async fn remove_all(State(app): Shared) -> StatusCode {
    let hooks = std::mem::take(&mut *app.hooks());
    for installed in hooks.values() {
        installed.hook.remove();
    }
    StatusCode::NO_CONTENT
}

pub(super) async fn read(
    State(app): Shared,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    app.hook(&id, |installed| Json(installed.shown()))
}

pub(super) async fn remove(
    State(app): Shared,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let number = app.hook(&id, |installed| installed.hook.number())?;
    if let Some(installed) = app.hooks().remove(&number) {
        installed.hook.remove();
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Releases the events that a hook holds, and those that it would hold later.
pub(super) async fn release(
    State(app): Shared,
    Path(id): Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> Result<StatusCode, Problem> {
    let gate = app.hook(&id, |installed| installed.hook.gate())?;
    let gate = gate.ok_or_else(|| {
        Problem::conflict(format!("hook {id} holds no events: its effect is not `hold`"))
    })?;
    let released = tokio::task::spawn_blocking(move || gate.release()).await;
    released.map_err(|error| Problem::conflict(error.to_string()))?;
    Ok(StatusCode::NO_CONTENT)
}

//! The clock: reading, advancing and stopping it.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use mock_ivs_chat::Timestamp;
use serde::{Deserialize, Serialize};

use crate::admin::{App, Shared};
use crate::extract::Body;
use crate::problem::Problem;

#[derive(Serialize)]
pub(super) struct Shown {
    now: Timestamp,
    frozen: bool,
}

impl Shown {
    pub(super) fn of(app: &App) -> Self {
        Self { now: app.ivs.now(), frozen: app.ivs.is_clock_frozen() }
    }
}

pub(super) async fn read(State(app): Shared) -> Json<Shown> {
    Json(Shown::of(&app))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Advance {
    by_ms: u64,
}

/// A hundred years: times beyond that are not times of chat any more.
const MOST_ADVANCE: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);

/// Advances the clock, and responds after everything that became due has happened.
pub(super) async fn advance(
    State(app): Shared,
    Body(request): Body<Advance>,
) -> Result<Json<Shown>, Problem> {
    advance_by(app, Duration::from_millis(request.by_ms))
        .await
        .map_err(|problem| problem.at("/byMs"))
}

async fn advance_by(app: Arc<App>, duration: Duration) -> Result<Json<Shown>, Problem> {
    let end = app.ivs.now().to_unix().saturating_add(duration);
    if duration > MOST_ADVANCE || end > LATEST {
        let detail = "the clock cannot be advanced that far: it ends with the year 9999, and one \
                      request advances it by at most 100 years";
        return Err(Problem::bad_request(detail));
    }
    let ivs = app.ivs.clone();
    // A review by a URL may become due, and the clock waits for it.
    let advanced = tokio::task::spawn_blocking(move || ivs.advance(duration)).await;
    advanced.map_err(|error| Problem::conflict(error.to_string()))?;
    Ok(Json(Shown::of(&app)))
}

/// The end of the year 9998, since 1970.
const LATEST: Duration = Duration::from_secs(253_370_764_800);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Freeze {
    /// A time to advance to first.
    #[serde(default)]
    at: Option<Timestamp>,
}

pub(super) async fn freeze(
    State(app): Shared,
    Body(request): Body<Freeze>,
) -> Result<Json<Shown>, Problem> {
    app.ivs.freeze_clock();
    let Some(at) = request.at else { return Ok(Json(Shown::of(&app))) };
    let now = app.ivs.now();
    if at < now {
        let detail = format!("the clock cannot go back: it is {now} already");
        return Err(Problem::conflict(detail).at("/at"));
    }
    advance_by(app, at.since(now)).await.map_err(|problem| problem.at("/at"))
}

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
    check(duration, app.ivs.now())?;
    let ivs = app.ivs.clone();
    // A review by a URL may become due, and the clock waits for it.
    let advanced = tokio::task::spawn_blocking(move || ivs.advance(duration)).await;
    // A concurrent request may have advanced the clock since the check.
    advanced.map_err(|_| too_far())?;
    Ok(Json(Shown::of(&app)))
}

/// Refuses an advance that the clock of the mock cannot make.
fn check(duration: Duration, now: Timestamp) -> Result<(), Problem> {
    let is_in_range = duration <= MOST_ADVANCE && duration <= Timestamp::MAX.since(now);
    is_in_range.then_some(()).ok_or_else(too_far)
}

fn too_far() -> Problem {
    Problem::bad_request(format!(
        "the clock cannot be advanced that far: it ends at {}, and one request advances it by at \
         most 100 years",
        Timestamp::MAX
    ))
}

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
    let Some(at) = request.at else {
        app.ivs.freeze_clock();
        return Ok(Json(Shown::of(&app)));
    };
    // A request that is refused changes nothing, so the checks come first.
    let now = app.ivs.now();
    if at < now {
        let detail = format!("the clock cannot go back: it is {now} already");
        return Err(Problem::conflict(detail).at("/at"));
    }
    check(at.since(now), now).map_err(|problem| problem.at("/at"))?;
    app.ivs.freeze_clock();
    // The clock may have passed that moment since the check. It then stands still a bit later.
    let missing = at.since(app.ivs.now());
    advance_by(app, missing).await.map_err(|problem| problem.at("/at"))
}

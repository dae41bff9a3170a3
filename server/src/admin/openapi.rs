//! The description of the control API.

use axum::Json;
use serde_json::{Value, json};

pub(super) async fn document() -> Json<Value> {
    Json(json!({ "openapi": "3.1.0" }))
}

//! The log: read in any of its forms, and followed by server-sent events.

use std::convert::Infallible;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use mock_ivs_chat::Log;
use mock_ivs_chat::log::{Entry, EntryKind, Matcher};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::admin::{App, Shared, blocking};
use crate::extract::Query;
use crate::news::News;
use crate::problem::Problem;

/// A form in which the log can be read.
#[derive(Clone, Copy, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Format {
    #[default]
    Text,
    PerConnection,
    Jsonl,
    Json,
    Har,
    Mermaid,
    Html,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Wanted {
    #[serde(default)]
    format: Format,
    room: Option<String>,
    user_id: Option<String>,
    kind: Option<String>,
    /// The index of the first entry.
    since: Option<u64>,
    /// The largest number of entries, of which the latest are returned.
    limit: Option<usize>,
}

pub(super) async fn read(
    State(app): Shared,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    blocking(move || rendered(&app, &wanted)).await?
}

fn rendered(app: &App, wanted: &Wanted) -> Result<Response, Problem> {
    let log = view(app, wanted)?;
    let typed = |media_type: &'static str, text: String| {
        ([(header::CONTENT_TYPE, media_type)], text).into_response()
    };
    Ok(match wanted.format {
        Format::Text => typed("text/plain; charset=utf-8", log.to_string()),
        Format::PerConnection => {
            typed("text/plain; charset=utf-8", log.per_connection().to_string())
        }
        Format::Jsonl => typed("application/jsonl", lines(&log)),
        Format::Json => {
            let entries: Vec<_> = log.entries().iter().map(shown).collect();
            Json(json!({ "entries": entries, "dropped": log.dropped() })).into_response()
        }
        Format::Har => typed("application/json", log.to_har()),
        Format::Mermaid => typed("text/plain; charset=utf-8", log.to_mermaid()),
        Format::Html => {
            let mut page = typed("text/html; charset=utf-8", log.to_html("mock-ivs-chat"));
            page.headers_mut().insert(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
            page
        }
    })
}

/// The page of the log is one file, with its style in it and without a script.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

fn lines(log: &Log) -> String {
    log.entries().iter().map(|entry| format!("{}\n", shown(entry))).collect()
}

/// Returns the part of the log that a request asks for.
fn view(app: &App, wanted: &Wanted) -> Result<Log, Problem> {
    let mut log = app.ivs.log();
    if let Some(room) = &wanted.room {
        log = log.room(room);
    }
    if let Some(user) = &wanted.user_id {
        log = log.user(user);
    }
    if let Some(name) = &wanted.kind {
        log = log.kind(kind(name)?);
    }
    let mut since = wanted.since.unwrap_or(0);
    if let Some(limit) = wanted.limit {
        let entries = log.entries();
        let first = entries.len().checked_sub(limit).map(|skipped| entries.get(skipped));
        // A limit of nothing starts after the last entry.
        let after = entries.last().map_or(0, |entry| entry.index() + 1);
        since = since.max(first.map_or(0, |first| first.map_or(after, Entry::index)));
    }
    if since > 0 {
        let starts_there = move |entry: &Entry| entry.index() >= since;
        log = log.matching(Matcher::any().satisfying("is new", starts_there));
    }
    Ok(log)
}

fn kind(name: &str) -> Result<EntryKind, Problem> {
    serde_json::from_value(json!(name)).map_err(|error| {
        Problem::bad_request(format!("there is no kind {name:?}: {error}")).at("kind")
    })
}

/// Returns an entry as JSON, with the names of members that the control API has, and with the ARN of
/// its room, because several rooms may have one name.
fn shown(entry: &Entry) -> Value {
    let Value::Object(members) = entry.to_json() else { return Value::Null };
    let renamed = members.into_iter().map(|(name, value)| match name.as_str() {
        "user_id" => ("userId".to_owned(), value),
        _ => (name, value),
    });
    let mut members: Map<_, _> = renamed.collect();
    if let Some(arn) = entry.room_arn() {
        members.insert("roomArn".into(), json!(arn));
    }
    Value::Object(members)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Since {
    since: Option<u64>,
}

/// Sends each entry of the log as an event whose ID is the entry's index, from `since` on. A client
/// that connects again continues after the event that it received last.
pub(super) async fn follow(
    State(app): Shared,
    headers: HeaderMap,
    Query(query): Query<Since>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let latest = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let latest = latest.map(str::parse::<u64>).transpose();
    let latest = latest.map_err(|_| {
        Problem::bad_request("Last-Event-ID is not the index of an entry").at("Last-Event-ID")
    })?;
    let since = latest.map_or_else(|| query.since.unwrap_or(0), |latest| latest.saturating_add(1));
    let mut news = News::new(app.ivs.log(), since);
    // The entries so far may be many.
    let news = blocking(move || {
        news.read();
        news
    });
    let news = news.await?;
    let entries = stream::unfold(news, |mut news| async move {
        let entry = news.next().await;
        let event = Event::default().id(entry.index().to_string()).data(shown(&entry).to_string());
        Some((Ok(event), news))
    });
    Ok(Sse::new(entries).keep_alive(KeepAlive::default()))
}

//! What can be asked, and who answers. The description that the API gives of itself is made from the
//! same table as the routes.

use std::convert::Infallible;
use std::sync::{Arc, LazyLock};

use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;

use super::desk::{Desk, StatusAnswer};
use super::failure::Failure;
use super::guard::{Guard, check};
use super::progress::{REMEMBERED, StreamingQueryProgress};
use super::tap::{RATE, RATE_MAX, Tapped, resolve};
use super::{metrics, openapi};
use crate::error::{Error, Result};
use crate::query::Readiness;
use crate::swap::{SwapRecord, SwapRequest, TrialReport, Verdict};

/// So many taps at a time.
const TAPS_MAX: usize = 16;
/// So many pieces of a tap's answer wait for whoever reads it.
const PIECES_MAX: usize = 4;

static TAPS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(TAPS_MAX)));

/// One thing that can be asked.
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    /// For programs: a name of one word.
    pub id: &'static str,
    pub summary: &'static str,
    /// Parameters of the path and of the query.
    pub parameters: &'static [Parameter],
    pub body: Option<MakeSchema>,
    pub answer: Answer,
    /// Whether it is answered without the token.
    pub is_open: bool,
    pub handler: fn() -> MethodRouter<Arc<Desk>>,
}

pub struct Parameter {
    pub name: &'static str,
    /// Of the path, or of the query.
    pub is_path: bool,
    /// `string` or `integer`.
    pub kind: &'static str,
    pub text: &'static str,
}

pub type MakeSchema = fn(&mut SchemaGenerator) -> Schema;

/// What a good answer is.
pub enum Answer {
    Json(MakeSchema),
    /// Text of this type.
    Text(&'static str),
}

/// GET /health.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// It answers.
    pub alive: bool,
    /// Tells this run from others.
    pub run_id: String,
}

/// POST /v1/stop.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Stopping {
    pub stopping: bool,
}

/// POST /v1/checkpoint.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Checkpointed {
    /// The last committed epoch.
    pub epoch: u64,
}

/// What POST /v1/promote and /v1/rollback are told.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// The step, function or table.
    pub part: String,
    /// Who says so.
    #[serde(default)]
    pub by: String,
}

fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

const JSON_LINES: &str = "application/x-ndjson";

/// Everything that can be asked.
pub static ROUTES: &[Route] = &[
    Route {
        method: Method::GET,
        path: "/v1/status",
        id: "status",
        summary: "How the pipeline is: its dataflow, what was counted, and what does not answer",
        parameters: &[],
        body: None,
        answer: Answer::Json(schema::<StatusAnswer>),
        is_open: false,
        handler: || get(status),
    },
    Route {
        method: Method::GET,
        path: "/v1/progress",
        id: "progress",
        summary: "The last committed epoch, in the field names of Spark's StreamingQueryProgress; \
                  null before the first",
        parameters: &[],
        body: None,
        answer: Answer::Json(schema::<Option<StreamingQueryProgress>>),
        is_open: false,
        handler: || get(progress),
    },
    Route {
        method: Method::GET,
        path: "/v1/progress/recent",
        id: "recent_progress",
        summary: "The last committed epochs, at most 100, the latest last",
        parameters: &[Parameter {
            name: "limit",
            is_path: false,
            kind: "integer",
            text: "Only so many of the latest",
        }],
        body: None,
        answer: Answer::Json(schema::<Vec<StreamingQueryProgress>>),
        is_open: false,
        handler: || get(recent),
    },
    Route {
        method: Method::GET,
        path: "/metrics",
        id: "metrics",
        summary: "What is counted, for Prometheus",
        parameters: &[],
        body: None,
        answer: Answer::Text(metrics::CONTENT_TYPE),
        is_open: false,
        handler: || get(prometheus),
    },
    Route {
        method: Method::GET,
        path: "/health",
        id: "health",
        summary: "200 as long as the process answers",
        parameters: &[],
        body: None,
        answer: Answer::Json(schema::<Health>),
        is_open: true,
        handler: || get(health),
    },
    Route {
        method: Method::GET,
        path: "/ready",
        id: "ready",
        summary: "200 if everything does its work, else 503, with what does not answer",
        parameters: &[],
        body: None,
        answer: Answer::Json(schema::<Readiness>),
        is_open: true,
        handler: || get(ready),
    },
    Route {
        method: Method::GET,
        path: "/v1/tap/{port}",
        id: "tap",
        summary: "Rows as they pass by, a line of JSON each with its lineage, until the client \
                  goes or the pipeline ends; a line {\"missed\": n} says how many were not shown",
        parameters: &[
            Parameter {
                name: "port",
                is_path: true,
                kind: "string",
                text: "STEP, STEP.PORT, a source or a sink",
            },
            Parameter {
                name: "limit",
                is_path: false,
                kind: "integer",
                text: "End after so many rows",
            },
            Parameter {
                name: "rate",
                is_path: false,
                kind: "integer",
                text: "Show so many rows a second at most. Default: 1000",
            },
        ],
        body: None,
        answer: Answer::Text(JSON_LINES),
        is_open: false,
        handler: || get(tap),
    },
    Route {
        method: Method::POST,
        path: "/v1/stop",
        id: "stop",
        summary: "End after one more epoch; answered at once",
        parameters: &[],
        body: None,
        answer: Answer::Json(schema::<Stopping>),
        is_open: false,
        handler: || post(stop),
    },
    Route {
        method: Method::POST,
        path: "/v1/checkpoint",
        id: "checkpoint",
        summary: "End an epoch now; answered once it is durable",
        parameters: &[],
        body: None,
        answer: Answer::Json(schema::<Checkpointed>),
        is_open: false,
        handler: || post(checkpoint),
    },
    Route {
        method: Method::POST,
        path: "/v1/swap",
        id: "swap",
        summary: "Run another version of a step or table from an epoch's barrier on; answered once \
                  that epoch is durable, or with what differs if it is refused",
        parameters: &[],
        body: Some(schema::<SwapRequest>),
        answer: Answer::Json(schema::<SwapRecord>),
        is_open: false,
        handler: || post(swap),
    },
    Route {
        method: Method::POST,
        path: "/v1/promote",
        id: "promote",
        summary: "Let a candidate do all of the work",
        parameters: &[],
        body: Some(schema::<Decision>),
        answer: Answer::Json(schema::<SwapRecord>),
        is_open: false,
        handler: || post(promote),
    },
    Route {
        method: Method::POST,
        path: "/v1/rollback",
        id: "rollback",
        summary: "Take a candidate back or, without one, go back to the version before",
        parameters: &[],
        body: Some(schema::<Decision>),
        answer: Answer::Json(schema::<SwapRecord>),
        is_open: false,
        handler: || post(rollback),
    },
    Route {
        method: Method::GET,
        path: "/v1/swaps",
        id: "swaps",
        summary: "All swaps of the checkpoint, the oldest first",
        parameters: &[],
        body: None,
        answer: Answer::Json(schema::<Vec<SwapRecord>>),
        is_open: false,
        handler: || get(swaps),
    },
    Route {
        method: Method::GET,
        path: "/v1/trials",
        id: "trials",
        summary: "How candidates are doing beside the current version",
        parameters: &[],
        body: None,
        answer: Answer::Json(schema::<Vec<TrialReport>>),
        is_open: false,
        handler: || get(trials),
    },
    Route {
        method: Method::GET,
        path: "/openapi.json",
        id: "openapi",
        summary: "This description",
        parameters: &[],
        body: None,
        answer: Answer::Json(schema::<Value>),
        is_open: false,
        handler: || get(description),
    },
];

/// All routes, behind the guard.
pub fn router(desk: Arc<Desk>, guard: Guard) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        router = router.route(route.path, (route.handler)());
    }
    let router = router.fallback(nothing).method_not_allowed_fallback(wrong_method);
    router.layer(from_fn_with_state(guard, check)).with_state(desk)
}

async fn nothing() -> Response {
    let message = "there is nothing here: GET /openapi.json says what there is";
    Failure::answer(StatusCode::NOT_FOUND, message)
}

async fn wrong_method() -> Response {
    let message = "this is asked by another method: GET /openapi.json says by which";
    Failure::answer(StatusCode::METHOD_NOT_ALLOWED, message)
}

type Answered = Result<Response>;
type Asked<T> = std::result::Result<Query<T>, QueryRejection>;

async fn status(State(desk): State<Arc<Desk>>) -> Answered {
    Ok(Json(desk.status()?).into_response())
}

async fn progress(State(desk): State<Arc<Desk>>) -> Response {
    Json(desk.log.last().as_deref()).into_response()
}

#[derive(Deserialize)]
struct Recent {
    limit: Option<usize>,
}

async fn recent(State(desk): State<Arc<Desk>>, query: Asked<Recent>) -> Answered {
    let query = asked(query)?;
    let recent = desk.log.recent(query.limit.unwrap_or(REMEMBERED));
    let recent: Vec<&StreamingQueryProgress> = recent.iter().map(|progress| &**progress).collect();
    Ok(Json(recent).into_response())
}

async fn prometheus(State(desk): State<Arc<Desk>>) -> Answered {
    Ok(([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics::scrape(&desk)?).into_response())
}

async fn health(State(desk): State<Arc<Desk>>) -> Response {
    Json(Health { alive: true, run_id: desk.run.id.clone() }).into_response()
}

async fn ready(State(desk): State<Arc<Desk>>) -> Response {
    let readiness = desk.status.readiness();
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness)).into_response()
}

async fn stop(State(desk): State<Arc<Desk>>) -> Response {
    desk.remote.stop();
    (StatusCode::ACCEPTED, Json(Stopping { stopping: true })).into_response()
}

async fn checkpoint(State(desk): State<Arc<Desk>>) -> Answered {
    let epoch = waiting(move || desk.remote.checkpoint()).await?;
    Ok(Json(Checkpointed { epoch: epoch.0 }).into_response())
}

async fn swap(State(desk): State<Arc<Desk>>, body: Bytes) -> Answered {
    let request: SwapRequest = read(&body)?;
    let record = waiting(move || desk.remote.swap(&request)).await?;
    Ok(Json(record).into_response())
}

async fn promote(State(desk): State<Arc<Desk>>, body: Bytes) -> Answered {
    decide(desk, Verdict::Promote, &body).await
}

async fn rollback(State(desk): State<Arc<Desk>>, body: Bytes) -> Answered {
    decide(desk, Verdict::Rollback, &body).await
}

async fn decide(desk: Arc<Desk>, verdict: Verdict, body: &Bytes) -> Answered {
    let decision: Decision = read(body)?;
    let record = waiting(move || desk.remote.decide(&decision.part, verdict, &decision.by)).await?;
    Ok(Json(record).into_response())
}

async fn swaps(State(desk): State<Arc<Desk>>) -> Answered {
    Ok(Json(waiting(move || desk.remote.swaps()).await?).into_response())
}

async fn trials(State(desk): State<Arc<Desk>>) -> Response {
    Json(desk.remote.trials()).into_response()
}

async fn description(State(desk): State<Arc<Desk>>) -> Response {
    Json(openapi::description(&desk.plan.name)).into_response()
}

#[derive(Deserialize)]
struct Tapping {
    limit: Option<u64>,
    rate: Option<u64>,
}

async fn tap(
    State(desk): State<Arc<Desk>>,
    Path(port): Path<String>,
    query: Asked<Tapping>,
) -> Answered {
    let query = asked(query)?;
    let ports = resolve(&desk.plan, &port)?;
    let place = TAPS.clone().try_acquire_owned();
    let place = place.map_err(|_| {
        Error::unavailable(format!("{TAPS_MAX} taps are open, which is the most: close one"))
    })?;
    let rate = query.rate.unwrap_or(RATE).clamp(1, RATE_MAX);
    let mut tapped = Tapped::new(desk.plan.clone(), &desk.status, ports, rate, query.limit);
    let (pieces, read) = mpsc::channel::<Result<Bytes, Infallible>>(PIECES_MAX);
    let work = move || {
        let _place = place;
        while let Some(lines) = tapped.next() {
            // Whoever reads may be gone while nothing passes by.
            let gone = desk.has_ended() || pieces.is_closed();
            let sent = lines.is_empty() || pieces.blocking_send(Ok(lines.into())).is_ok();
            if gone || !sent {
                return;
            }
        }
    };
    let thread = std::thread::Builder::new().name("tap".to_owned()).spawn(work);
    thread.map_err(|e| Error::unavailable("cannot start a thread").with(e))?;
    let body = Body::from_stream(ReceiverStream::new(read));
    Ok(([(header::CONTENT_TYPE, JSON_LINES)], body).into_response())
}

/// What stands behind the question mark of a request.
fn asked<T>(query: Asked<T>) -> Result<T> {
    let Query(query) = query.map_err(|e| Error::config("the query can't be read").with(e))?;
    Ok(query)
}

/// What a request's body says.
fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T> {
    serde_json::from_slice(body).map_err(|e| {
        let text = "the request's body is not what is expected here (GET /openapi.json says what)";
        Error::config(text).with(e)
    })
}

/// Does what has to wait for the job, beside other requests.
async fn waiting<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|e| Error::internal("a request panicked").with(e))?
}

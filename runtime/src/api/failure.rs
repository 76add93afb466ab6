//! Errors as answers.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};

/// What an answer says that is none: what was attempted, why it failed, and what to do.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    pub error: String,
    /// `config`, `plugin`, `unavailable`, `corrupt`, `fenced` or `internal`.
    pub kind: String,
}

impl Failure {
    pub fn answer(status: StatusCode, error: impl Into<String>) -> Response {
        let kind = if status.is_server_error() { ErrorKind::Internal } else { ErrorKind::Config };
        (status, Json(Self { error: error.into(), kind: kind.name().to_owned() })).into_response()
    }

    /// The error again.
    pub fn into_error(self) -> Error {
        let kind = ErrorKind::ALL.into_iter().find(|kind| kind.name() == self.kind);
        Error::new(kind.unwrap_or(ErrorKind::Internal), self.error)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = match self.kind {
            ErrorKind::Config => StatusCode::BAD_REQUEST,
            ErrorKind::Plugin => StatusCode::UNPROCESSABLE_ENTITY,
            ErrorKind::Fenced => StatusCode::CONFLICT,
            ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::Corrupt | ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let kind = self.kind.name().to_owned();
        (status, Json(Failure { error: self.to_string(), kind })).into_response()
    }
}

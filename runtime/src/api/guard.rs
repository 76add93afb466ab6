//! Who is let in: who has the token, where there is one; and no web page of another site.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::failure::Failure;
use super::token::{Token, VARIABLE};

/// What a request must have.
#[derive(Clone)]
pub struct Guard {
    pub token: Option<Token>,
}

/// Lets a request in, or says what it lacks.
pub async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    match guard.refusal(request.headers(), request.uri().path()) {
        Some(refusal) => refusal,
        None => next.run(request).await,
    }
}

impl Guard {
    fn refusal(&self, headers: &HeaderMap, path: &str) -> Option<Response> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let host = text(header::HOST).unwrap_or_default();
        if let Some(origin) = text(header::ORIGIN)
            && origin.split_once("://").is_none_or(|(_, from)| from != host)
        {
            let message = "requests that a web page of another site makes are not answered";
            return Some(Failure::answer(StatusCode::FORBIDDEN, message));
        }
        let Some(token) = &self.token else {
            // A name that somebody lets point here would make a page of theirs one of this site.
            let message = "without a token only requests to this machine by its own name are \
                           answered: use 127.0.0.1 or localhost as the host";
            return (!is_local(host)).then(|| Failure::answer(StatusCode::FORBIDDEN, message));
        };
        if matches!(path, "/health" | "/ready") {
            return None;
        }
        let sent = text(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        let message = match sent {
            Some(sent) if token.is(sent.trim()) => return None,
            Some(_) => "this is not the token of the pipeline".to_owned(),
            None => "a token is needed: send it as `Authorization: Bearer TOKEN`".to_owned(),
        };
        let message = format!("{message} (commands take it from {VARIABLE} or --token-file)");
        let refused = Failure::answer(StatusCode::UNAUTHORIZED, message);
        Some(([(header::WWW_AUTHENTICATE, "Bearer")], refused).into_response())
    }
}

/// Whether a `Host` is this machine by a name of its own.
fn is_local(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

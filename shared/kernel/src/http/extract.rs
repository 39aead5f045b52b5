use axum::extract::{FromRequest, FromRequestParts, Request};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header, request::Parts};
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use crate::problem::{MALFORMED, NOT_FOUND, Problem, TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, Violation};

/// A JSON body. Says precisely what is wrong: 415 for another content type, 413 when too large, 400
/// when it is not JSON, 422 with a pointer when it is JSON of another shape.
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        if !is_json(request.headers()) {
            return Err(UNSUPPORTED_MEDIA_TYPE.problem("send `Content-Type: application/json`"));
        }
        parse(&read_body(request).await?).map(Self)
    }
}

/// The whole body, within the limit.
pub(crate) async fn read_body(request: Request) -> Result<Bytes, Problem> {
    Bytes::from_request(request, &()).await.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            TOO_LARGE.problem("at most 1 MiB is taken")
        } else {
            MALFORMED.problem("the body ended early")
        }
    })
}

/// Path parameters. One that does not parse, such as an id that is no UUID, names nothing: 404.
#[derive(Debug)]
pub struct PathParams<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for PathParams<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(_) => Err(NOT_FOUND.problem("no resource has such an id")),
        }
    }
}

/// Query parameters; 422 with the parameter's name when one is unknown or does not parse.
#[derive(Debug)]
pub struct QueryParams<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for QueryParams<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
        serde_path_to_error::deserialize(pairs).map(Self).map_err(|error| {
            let message = error.inner().to_string();
            let name =
                named_field(&message).map_or_else(|| first_name(error.path()), ToOwned::to_owned);
            Problem::invalid(vec![Violation {
                pointer: format!("?{name}"),
                code: code_of(&message).to_owned(),
                detail: message,
            }])
        })
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json"
        || essence.strip_prefix("application/").is_some_and(|kind| kind.ends_with("+json"))
}

/// Parses a JSON body into `T`; see [`JsonBody`] for the problems.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // Serde would take an array for a struct, field by field.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(Problem::invalid(vec![Violation {
            pointer: String::new(),
            code: "field.invalid".to_owned(),
            detail: "must be an object".to_owned(),
        }]));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let inner = error.inner();
        if inner.classify() != Category::Data {
            return malformed(inner);
        }
        let text = inner.to_string();
        // serde_json appends the position, which a pointer says better.
        let message = text.split(" at line ").next().unwrap_or(&text).to_owned();
        let mut pointer = pointer(error.path());
        // Serde reports a missing field at its parent, an unknown one at itself.
        let named = named_field(&message).map(|field| format!("/{}", escape(field)));
        if let Some(named) = named.filter(|named| !pointer.ends_with(named)) {
            pointer.push_str(&named);
        }
        Problem::invalid(vec![Violation {
            pointer,
            code: code_of(&message).to_owned(),
            detail: message,
        }])
    })?;
    deserializer.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

fn malformed(error: &serde_json::Error) -> Problem {
    MALFORMED.problem(format!("the body is not JSON: {error}"))
}

fn code_of(message: &str) -> &'static str {
    if message.starts_with("missing field") {
        "field.missing"
    } else if message.starts_with("unknown field") {
        "field.unknown"
    } else if message.starts_with("duplicate field") {
        "field.duplicate"
    } else {
        "field.invalid"
    }
}

/// The field that serde names in messages about missing, unknown and duplicate fields.
fn named_field(message: &str) -> Option<&str> {
    (code_of(message) != "field.invalid").then(|| message.split('`').nth(1)).flatten()
}

fn first_name(path: &Path) -> String {
    path.iter().next().map(ToString::to_string).unwrap_or_default()
}

fn pointer(path: &Path) -> String {
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", escape(key)),
            Segment::Enum { variant } => format!("/{}", escape(variant)),
            Segment::Unknown => String::new(),
        })
        .collect()
}

/// RFC 6901, section 3.
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Order {
        #[expect(dead_code, reason = "only parsing is tested")]
        lines: Vec<Line>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Line {
        #[expect(dead_code, reason = "only parsing is tested")]
        amount: u8,
    }

    fn violation(body: &str) -> (String, String) {
        let problem = parse::<Order>(body.as_bytes()).unwrap_err();
        let violation = &problem.violations()[0];
        (violation.pointer.clone(), violation.code.clone())
    }

    #[test]
    fn a_wrong_field_is_pointed_at() {
        let at = |pointer: &str, code: &str| (pointer.to_owned(), code.to_owned());
        assert_eq!(violation(r"{}"), at("/lines", "field.missing"));
        assert_eq!(violation(r#"{"lines":[],"x":1}"#), at("/x", "field.unknown"));
        assert_eq!(violation(r#"{"lines":[{}]}"#), at("/lines/0/amount", "field.missing"));
        assert_eq!(
            violation(r#"{"lines":[{"amount":-1}]}"#),
            at("/lines/0/amount", "field.invalid")
        );
        assert_eq!(
            violation(r#"{"lines":[{"amount":1,"a/b":1}]}"#),
            at("/lines/0/a~1b", "field.unknown")
        );
    }

    #[test]
    fn what_is_not_json_is_malformed() {
        assert_eq!(violation("[[]]"), (String::new(), "field.invalid".to_owned()));
        for body in ["", "{", "nul", "{\"lines\":[]} x"] {
            let problem = parse::<Order>(body.as_bytes()).unwrap_err();
            assert_eq!(problem.kind(), MALFORMED, "{body}");
        }
    }
}

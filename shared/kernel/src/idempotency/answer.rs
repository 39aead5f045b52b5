use axum::{
    body::{Body, HttpBody, to_bytes},
    response::Response,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};

use super::key::REPLAYED;
use crate::{problem::Problem, secret::Key};

/// Largest body that is stored: sealed and encoded, it fits into an item of 400 KB.
const MAX_BODY: usize = 256 * 1024;

/// What is stored of an answer's headers. The border sets its own on every answer; anything else, above
/// all cookies, is for the first one only.
const STORED_HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::ETAG, header::LOCATION];

/// An answer as it is stored.
#[derive(Debug)]
pub(super) struct Answer {
    head: Head,
    body: Bytes,
}

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    status: u16,
    headers: Vec<(String, String)>,
}

impl Answer {
    /// Takes a copy of a response; none when its body is too large to be stored, or of unknown size.
    ///
    /// # Errors
    /// When the body ends early.
    pub async fn copy(response: Response) -> Result<(Response, Option<Self>), Problem> {
        let size = response.body().size_hint().exact().and_then(|size| usize::try_from(size).ok());
        if size.is_none_or(|size| size > MAX_BODY) {
            return Ok((response, None));
        }
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, MAX_BODY).await.map_err(Problem::internal)?;
        let head = Head { status: parts.status.as_u16(), headers: stored(&parts.headers) };
        let answer = Self { head, body: body.clone() };
        Ok((Response::from_parts(parts, Body::from(body)), Some(answer)))
    }

    /// The answer for the record in this place: answers may hold secrets that are shown once.
    pub fn seal(&self, key: &Key, place: &str) -> String {
        let mut bytes = serde_json::to_vec(&self.head).expect("a status and headers serialise");
        bytes.push(END_OF_HEAD);
        bytes.extend_from_slice(&self.body);
        key.seal(place.as_bytes(), bytes)
    }

    /// The answer that was sealed for this place.
    pub fn open(key: &Key, place: &str, sealed: &str) -> Option<Self> {
        let bytes = Bytes::from(key.open(place.as_bytes(), sealed)?);
        let end = bytes.iter().position(|byte| *byte == END_OF_HEAD)?;
        let head = serde_json::from_slice(&bytes[..end]).ok()?;
        Some(Self { head, body: bytes.slice(end + 1..) })
    }

    /// The response once more, marked as such.
    pub fn replay(self) -> Option<Response> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = StatusCode::from_u16(self.head.status).ok()?;
        for (name, value) in &self.head.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            response.headers_mut().insert(name, HeaderValue::from_str(value).ok()?);
        }
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        Some(response)
    }
}

/// JSON on one line has none in it.
const END_OF_HEAD: u8 = b'\n';

fn stored(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |name: &HeaderName| headers.get(name)?.to_str().ok().map(ToOwned::to_owned);
    STORED_HEADERS.iter().filter_map(|name| Some((name.to_string(), text(name)?))).collect()
}

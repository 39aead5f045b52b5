//! The border of every service: what happens to each request before and after its handler.
//!
//! From the outside in: [`border`] (request id, span, panics, problems, security headers), then
//! [`limit()`] (has this caller made too many), [`guard_public`] (is this caller allowed on this route), then the handler with the extractors here.

mod border;
mod extract;
mod guard;
mod limit;

pub use border::{border, request_id};
pub(crate) use extract::read_body;
pub use extract::{JsonBody, PathParams, QueryParams};
pub use guard::{Internal, guard_internal, guard_public};
pub use limit::limit;

/// Largest request body: 1 MiB. Files go to blob storage.
pub const BODY_LIMIT: usize = 1024 * 1024;

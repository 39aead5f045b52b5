//! Errors of the service, and what clients see of them.

use aws::StoreError;
use http::StatusCode;
use kernel::{
    etag,
    problem::{CONFLICT, Kind, PRECONDITION_FAILED, Problem},
};

pub const TENANT_NOT_FOUND: Kind =
    Kind::new(StatusCode::NOT_FOUND, "tenant.not_found", "There is no such tenant");
pub const SLUG_TAKEN: Kind =
    Kind::new(StatusCode::CONFLICT, "tenant.slug_taken", "Another tenant has this slug");

/// For the documentation.
pub const PROBLEMS: &[Kind] = &[TENANT_NOT_FOUND, SLUG_TAKEN];

/// Why a use case did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no such tenant, or not the caller's")]
    NotFound,
    #[error("another tenant has the slug")]
    SlugTaken,
    #[error("the precondition names another version than {current}")]
    Stale { current: u64 },
    /// Somebody else changed the tenant at the same time.
    #[error("lost a race")]
    Contended,
    #[error("store")]
    Store(#[from] StoreError),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => TENANT_NOT_FOUND.problem("no tenant of yours has this id"),
            Error::SlugTaken => SLUG_TAKEN.problem("choose another slug"),
            Error::Stale { current } => PRECONDITION_FAILED
                .problem(format!("the current version is {}", etag::tag(current))),
            Error::Contended => CONFLICT.problem("read it again, then try again"),
            Error::Store(error) => error.into(),
        }
    }
}

use aws::StoreError;
use http::StatusCode;
use kernel::problem::{Kind, Problem};

const ENTRY_NOT_FOUND: Kind = Kind::new(
    StatusCode::NOT_FOUND,
    "audit.entry_not_found",
    "The audit log of this tenant has no such entry",
);

/// Every kind of problem that is this service's own.
pub const PROBLEMS: &[Kind] = &[ENTRY_NOT_FOUND];

/// What can go wrong with an audit log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no such entry")]
    EntryNotFound,
    /// Others appended to the same chain faster, again and again.
    #[error("others append to this chain at the same time")]
    Contended,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::EntryNotFound => ENTRY_NOT_FOUND.problem("there is no entry with this id"),
            Error::Contended => Self::unavailable(error),
            Error::Store(error) => error.into(),
        }
    }
}

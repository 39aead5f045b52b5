//! What can go wrong, in the words of this service, and what a client is told about it.

use contracts::{
    authz::{ESCALATION, LAST_OWNER, NOT_ACTIVE, OUTRANKED, UNKNOWN_ROLE},
    identity::{BUSY, EMAIL_TAKEN, WRONG_PASSWORD},
};
use http::{HeaderValue, StatusCode, header};
use kernel::{
    client::{CallError, passed_on},
    problem::{self, Kind, Problem},
};

use crate::{
    hashing::Busy,
    store::{Conflict, SaveError},
    user::NotSuspended,
};

pub const NOT_FOUND: Kind =
    Kind::new(StatusCode::NOT_FOUND, "user.not_found", "There is no such user");
pub const IMPORT_NOT_FOUND: Kind =
    Kind::new(StatusCode::NOT_FOUND, "user.import_not_found", "There is no such import");
pub const USERNAME_TAKEN: Kind =
    Kind::new(StatusCode::CONFLICT, "user.username_taken", "Another user has the username");
pub const NOT_SUSPENDED: Kind =
    Kind::new(StatusCode::CONFLICT, "user.not_suspended", "The user is not suspended");
pub const LINK_INVALID: Kind = Kind::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "user.link_invalid",
    "The link is unknown, used or expired",
);

pub const EMAIL_CHANGED_RECENTLY: Kind = Kind::new(
    StatusCode::CONFLICT,
    "user.email_changed_recently",
    "The e-mail address has changed a short time ago",
);

/// The kinds of problems that this service's endpoints answer beside the common ones.
pub const PROBLEMS: &[Kind] = &[
    NOT_FOUND,
    IMPORT_NOT_FOUND,
    EMAIL_TAKEN,
    USERNAME_TAKEN,
    NOT_SUSPENDED,
    LINK_INVALID,
    EMAIL_CHANGED_RECENTLY,
    WRONG_PASSWORD,
    BUSY,
    ESCALATION,
    OUTRANKED,
    LAST_OWNER,
    NOT_ACTIVE,
    UNKNOWN_ROLE,
];

/// What the authorization service may refuse for reasons that concern our caller.
const PASSED_ON: &[Kind] = &[
    ESCALATION,
    OUTRANKED,
    LAST_OWNER,
    NOT_ACTIVE,
    UNKNOWN_ROLE,
    problem::CONFLICT,
    problem::INVALID,
];

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no such user")]
    NotFound,
    #[error("no such import")]
    ImportNotFound,
    #[error("the address has an account")]
    EmailTaken,
    #[error("another user has the username")]
    UsernameTaken,
    #[error("the user is not suspended")]
    NotSuspended,
    #[error("the link is unknown, used or expired")]
    LinkInvalid,
    #[error("the address has changed a short time ago")]
    EmailChangedRecently,
    #[error("the current password is wrong")]
    WrongPassword,
    #[error("the tenant has no such role")]
    UnknownRole,
    /// Others changed the user again and again.
    #[error("the user changes too often")]
    Contended,
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The request is wrong in itself: a field, a cursor, a precondition.
    #[error(transparent)]
    Request(#[from] Problem),
    #[error(transparent)]
    Authorization(#[from] CallError),
    #[error(transparent)]
    Store(#[from] aws::StoreError),
}

impl From<SaveError> for Error {
    fn from(error: SaveError) -> Self {
        match error {
            SaveError::Conflict(Conflict::EmailTaken) => Self::EmailTaken,
            SaveError::Conflict(Conflict::UsernameTaken) => Self::UsernameTaken,
            SaveError::Conflict(Conflict::LinkUsed) => Self::LinkInvalid,
            SaveError::Conflict(Conflict::Stale | Conflict::Exists | Conflict::PasswordChanged) => {
                Self::Contended
            }
            SaveError::Store(error) => Self::Store(error),
        }
    }
}

impl From<NotSuspended> for Error {
    fn from(_: NotSuspended) -> Self {
        Self::NotSuspended
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => NOT_FOUND.problem("no user of this tenant has the id"),
            Error::ImportNotFound => {
                IMPORT_NOT_FOUND.problem("no import of this tenant has the id, or not any more")
            }
            Error::EmailTaken => EMAIL_TAKEN.problem("an address has one account at most"),
            Error::UsernameTaken => USERNAME_TAKEN.problem("choose another username"),
            Error::NotSuspended => {
                NOT_SUSPENDED.problem("a pending user becomes active by verifying the address")
            }
            Error::LinkInvalid => LINK_INVALID.problem("ask for a new link"),
            Error::EmailChangedRecently => EMAIL_CHANGED_RECENTLY
                .problem("for a week after a change, the old address can take it back"),
            Error::WrongPassword => WRONG_PASSWORD.problem("nothing was changed"),
            Error::UnknownRole => UNKNOWN_ROLE.problem("no role of the tenant has this name or id"),
            Error::Contended => problem::CONFLICT.problem("try again"),
            Error::Busy(_) => BUSY
                .problem("try again in a moment")
                .header(header::RETRY_AFTER, HeaderValue::from_static("1")),
            Error::Request(problem) => problem,
            Error::Authorization(error) => passed_on(error, PASSED_ON),
            Error::Store(error) => error.into(),
        }
    }
}

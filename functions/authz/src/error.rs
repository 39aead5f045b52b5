//! Errors of the service, and what clients see of them.

use std::sync::Arc;

use aws::StoreError;
use contracts::authz::{ESCALATION, LAST_OWNER, NOT_ACTIVE, OUTRANKED, UNKNOWN_ROLE};
use http::StatusCode;
use kernel::{
    etag,
    problem::{CONFLICT, FORBIDDEN, Kind, PRECONDITION_FAILED, Problem, Violation},
    validate::Invalid,
};

use crate::assignment::MAX_ROLES;

pub const ROLE_NOT_FOUND: Kind =
    Kind::new(StatusCode::NOT_FOUND, "role.not_found", "There is no such role");
pub const SYSTEM_ROLE: Kind =
    Kind::new(StatusCode::CONFLICT, "role.system", "System roles cannot be changed or deleted");
pub const NAME_TAKEN: Kind =
    Kind::new(StatusCode::CONFLICT, "role.name_taken", "Another role has this name");
pub const IN_USE: Kind =
    Kind::new(StatusCode::CONFLICT, "role.in_use", "A role that users have cannot be deleted");

/// For the documentation.
pub const PROBLEMS: &[Kind] = &[
    ROLE_NOT_FOUND,
    SYSTEM_ROLE,
    NAME_TAKEN,
    IN_USE,
    ESCALATION,
    OUTRANKED,
    LAST_OWNER,
    NOT_ACTIVE,
    UNKNOWN_ROLE,
];

/// Why a use case did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no such role in this tenant")]
    RoleNotFound,
    #[error("system roles follow the manifests")]
    SystemRole,
    #[error("another role has this name")]
    NameTaken,
    #[error("{members} users have the role")]
    InUse { members: u64 },
    #[error("the caller does not hold {missing:?}")]
    Escalation { missing: Vec<&'static str> },
    #[error("the target holds more than the caller")]
    Outranked,
    #[error("the tenant would have no owner")]
    LastOwner,
    #[error("an owner must be active")]
    NotActive,
    #[error("roles number {indexes:?} are unknown")]
    UnknownRoles { indexes: Vec<usize> },
    #[error("more than {MAX_ROLES} roles")]
    TooManyRoles,
    #[error("a question about somebody else")]
    NotAboutCaller,
    #[error("the precondition names another version than {current}")]
    Stale { current: u64 },
    /// Somebody else changed the same thing at the same time.
    #[error("lost a race")]
    Contended,
    /// Shared, because callers that wait for the same read share its failure.
    #[error("store")]
    Store(#[source] Arc<StoreError>),
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::RoleNotFound => ROLE_NOT_FOUND.problem("the tenant has no role with this id"),
            Error::SystemRole => {
                SYSTEM_ROLE.problem("it is the same in every tenant; make a role of your own")
            }
            Error::NameTaken => NAME_TAKEN.problem("names are compared without regard to case"),
            Error::InUse { members: 1 } => IN_USE.problem("1 user has it; take it away first"),
            Error::InUse { members } => {
                IN_USE.problem(format!("{members} users have it; take it away first"))
            }
            Error::Escalation { missing } => {
                ESCALATION.problem(format!("you do not hold `{}`", missing.join("`, `")))
            }
            Error::Outranked => {
                OUTRANKED.problem("the user holds permissions that you do not hold")
            }
            Error::LastOwner => LAST_OWNER.problem("make somebody else an owner first"),
            Error::NotActive => NOT_ACTIVE.problem("the user is pending or suspended"),
            Error::UnknownRoles { indexes } => UNKNOWN_ROLE
                .problem("see the roles of the tenant")
                .with_violations(indexes.into_iter().map(unknown_role).collect()),
            Error::TooManyRoles => {
                Invalid::new("roles.too_many", format!("a user can have at most {MAX_ROLES} roles"))
                    .at("/roles")
            }
            Error::NotAboutCaller => FORBIDDEN
                .problem("a question about somebody else needs the permission `authz.check`"),
            Error::Stale { current } => PRECONDITION_FAILED
                .problem(format!("the current version is {}", etag::tag(current))),
            Error::Contended => CONFLICT.problem("read it again, then try again"),
            Error::Store(error) => match *error {
                StoreError::Unavailable { .. } => Self::unavailable(error),
                StoreError::Condition(_) | StoreError::Malformed { .. } => Self::internal(error),
            },
        }
    }
}

fn unknown_role(index: usize) -> Violation {
    Violation {
        pointer: format!("/roles/{index}"),
        code: UNKNOWN_ROLE.code.to_owned(),
        detail: "must be the name or the id of a role of the tenant".to_owned(),
    }
}

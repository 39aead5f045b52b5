//! Errors of the service, and what clients see of them.

use std::collections::BTreeSet;

use contracts::authz::ESCALATION;
use http::{HeaderValue, StatusCode, header};
use kernel::{
    client::{CallError, passed_on},
    problem::{self, Kind, Problem},
};

use crate::{
    federation::refusal::{self, Refusal},
    store::StoreError,
};

pub const INVALID_CREDENTIALS: Kind = Kind::new(
    StatusCode::UNAUTHORIZED,
    "auth.invalid_credentials",
    "The address or the password is wrong",
);
pub const LOCKED_OUT: Kind = Kind::new(
    StatusCode::TOO_MANY_REQUESTS,
    "auth.locked_out",
    "Too many attempts to sign in; wait before the next",
);
pub const EMAIL_NOT_VERIFIED: Kind = Kind::new(
    StatusCode::FORBIDDEN,
    "auth.email_not_verified",
    "The address has to be verified first",
);
pub const SUSPENDED: Kind =
    Kind::new(StatusCode::FORBIDDEN, "auth.suspended", "The account is suspended");
pub const INVALID_REFRESH_TOKEN: Kind = Kind::new(
    StatusCode::UNAUTHORIZED,
    "auth.invalid_refresh_token",
    "The refresh token is not valid; sign in again",
);
pub const SESSION_NOT_FOUND: Kind =
    Kind::new(StatusCode::NOT_FOUND, "auth.session_not_found", "There is no such session");

pub const CLIENT_NOT_FOUND: Kind =
    Kind::new(StatusCode::NOT_FOUND, "auth.client_not_found", "There is no such service client");
pub const API_KEY_NOT_FOUND: Kind =
    Kind::new(StatusCode::NOT_FOUND, "auth.api_key_not_found", "There is no such API key");
pub const NO_ACCOUNT: Kind =
    Kind::new(StatusCode::FORBIDDEN, "auth.no_account", "A service client has no account");

/// For the documentation.
pub const PROBLEMS: &[Kind] = &[
    INVALID_CREDENTIALS,
    LOCKED_OUT,
    EMAIL_NOT_VERIFIED,
    SUSPENDED,
    INVALID_REFRESH_TOKEN,
    SESSION_NOT_FOUND,
    CLIENT_NOT_FOUND,
    API_KEY_NOT_FOUND,
    NO_ACCOUNT,
    contracts::authz::ESCALATION,
    contracts::identity::WRONG_PASSWORD,
    contracts::identity::BUSY,
    refusal::PROVIDER_NOT_FOUND,
    refusal::SLUG_TAKEN,
    refusal::STATE_INVALID,
    refusal::DENIED,
    refusal::UNPROVEN,
    refusal::PROVIDER_UNAVAILABLE,
    refusal::EMAIL_UNPROVEN,
    refusal::NOT_ALLOWED,
    refusal::NOT_LINKABLE,
    refusal::IDENTITY_NOT_FOUND,
    refusal::LAST_IDENTITY,
];

/// Why a use case did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("wrong address or password")]
    InvalidCredentials,
    #[error("locked out for {0} s")]
    LockedOut(u64),
    #[error("the address is not verified")]
    EmailNotVerified,
    #[error("the account is suspended")]
    Suspended,
    #[error("refresh token: {0}")]
    InvalidRefreshToken(&'static str),
    #[error("no such session")]
    SessionNotFound,
    /// What the caller has come with does not count any more, though the authorizer remembers it.
    #[error("the session is over")]
    SessionOver,
    #[error("no such client")]
    ClientNotFound,
    #[error("no such API key")]
    ApiKeyNotFound,
    #[error("a client has no account")]
    NoAccount,
    #[error("the caller does not hold {0:?}")]
    Escalation(BTreeSet<String>),
    #[error("the account behind a valid token is gone")]
    AccountGone,
    #[error("others change the same at the same time, again and again")]
    Contended,
    #[error("the request is not valid")]
    Invalid(#[source] Problem),
    #[error(transparent)]
    Federation(#[from] Refusal),
    #[error("{0}")]
    Unavailable(String),
    #[error("the account has too many requests")]
    Throttled(#[source] Problem),
    #[error("service call")]
    Call(#[from] CallError),
    #[error("store")]
    Store(#[from] StoreError),
    #[error("signing keys")]
    Keys(#[from] crate::keys::KeyError),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::InvalidCredentials => {
                INVALID_CREDENTIALS.problem("check both, or reset the password")
            }
            Error::LockedOut(seconds) => {
                let value = HeaderValue::from(seconds);
                LOCKED_OUT
                    .problem(format!("try again in {seconds} s"))
                    .header(header::RETRY_AFTER, value)
            }
            Error::EmailNotVerified => {
                EMAIL_NOT_VERIFIED.problem("follow the link in the mail, or have it sent again")
            }
            Error::Suspended => SUSPENDED.problem("ask an administrator of your organisation"),
            Error::InvalidRefreshToken(_) => {
                INVALID_REFRESH_TOKEN.problem("it is unknown, expired, spent or revoked")
            }
            Error::SessionNotFound => SESSION_NOT_FOUND.problem("no session of yours has this id"),
            Error::SessionOver => Self::bad_token("the session is over, or the key was revoked"),
            Error::ClientNotFound => CLIENT_NOT_FOUND.problem("your tenant has no such client"),
            Error::ApiKeyNotFound => API_KEY_NOT_FOUND.problem("no key of yours has this id"),
            Error::NoAccount => NO_ACCOUNT.problem("ask about the client instead"),
            Error::Escalation(missing) => {
                let missing = missing.into_iter().collect::<Vec<_>>().join("`, `");
                ESCALATION.problem(format!("you do not hold `{missing}`"))
            }
            Error::AccountGone => Self::bad_token("the account is gone"),
            Error::Contended => problem::CONFLICT.problem("try again"),
            Error::Invalid(problem) | Error::Throttled(problem) => problem,
            Error::Federation(refusal) => refusal.into(),
            Error::Unavailable(cause) => Self::unavailable(cause),
            Error::Call(error) => passed_on(
                error,
                &[problem::INVALID, contracts::identity::WRONG_PASSWORD, contracts::identity::BUSY],
            ),
            Error::Store(error) => error.into(),
            Error::Keys(error) => Self::unavailable(error),
        }
    }
}

//! Errors of the service, and what clients see of them.

use std::collections::BTreeSet;

use contracts::authz::ESCALATION;
use http::{HeaderValue, StatusCode, header};
use kernel::{
    client::{CallError, passed_on},
    problem::{self, Kind, Problem},
    step_up::STEP_UP_REQUIRED,
    validate::Invalid,
};

use crate::{
    challenge::{LIFETIME, Purpose},
    factors::WrongProof,
    federation::refusal::{self, Refusal},
    passkey::PasskeyError,
    service::Demand,
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
pub const TENANT_SUSPENDED: Kind =
    Kind::new(StatusCode::FORBIDDEN, "auth.tenant_suspended", "The organisation is suspended");
pub const MFA_REQUIRED: Kind =
    Kind::new(StatusCode::UNAUTHORIZED, "auth.mfa_required", "A second factor is needed");
pub const MFA_ENROLLMENT_REQUIRED: Kind = Kind::new(
    StatusCode::UNAUTHORIZED,
    "auth.mfa_enrollment_required",
    "The organisation demands a second factor, and there is none yet",
);
pub const CHALLENGE_INVALID: Kind = Kind::new(
    StatusCode::UNAUTHORIZED,
    "auth.challenge_invalid",
    "The challenge is not valid; sign in again",
);
pub const INVALID_CODE: Kind =
    Kind::new(StatusCode::UNAUTHORIZED, "auth.invalid_code", "The code is wrong");
pub const INVALID_PASSKEY: Kind =
    Kind::new(StatusCode::UNAUTHORIZED, "auth.invalid_passkey", "The passkey is not accepted");
pub const PASSKEY_REFUSED: Kind = Kind::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "auth.passkey_refused",
    "The new passkey is not accepted",
);
pub const PASSKEY_TAKEN: Kind =
    Kind::new(StatusCode::CONFLICT, "auth.passkey_taken", "The passkey is registered already");
pub const TOO_MANY_PASSKEYS: Kind =
    Kind::new(StatusCode::CONFLICT, "auth.too_many_passkeys", "There are too many passkeys");
pub const NOTHING_TO_CONFIRM: Kind = Kind::new(
    StatusCode::CONFLICT,
    "auth.nothing_to_confirm",
    "No authenticator app waits for its first code",
);
pub const NO_FACTOR: Kind =
    Kind::new(StatusCode::CONFLICT, "auth.no_factor", "No such factor is enrolled");
pub const LAST_FACTOR: Kind = Kind::new(
    StatusCode::CONFLICT,
    "auth.last_factor",
    "The organisation demands a second factor, and this is the last one",
);
pub const FACTOR_NOT_FOUND: Kind =
    Kind::new(StatusCode::NOT_FOUND, "auth.factor_not_found", "There is no such factor");
pub const STEP_UP_REFUSED: Kind =
    Kind::new(StatusCode::FORBIDDEN, "auth.step_up_refused", "That does not prove who you are");
pub const SECOND_FACTOR_NEEDED: Kind = Kind::new(
    StatusCode::FORBIDDEN,
    "auth.second_factor_needed",
    "The password alone is not enough here",
);

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
    TENANT_SUSPENDED,
    MFA_REQUIRED,
    MFA_ENROLLMENT_REQUIRED,
    CHALLENGE_INVALID,
    INVALID_CODE,
    INVALID_PASSKEY,
    PASSKEY_REFUSED,
    PASSKEY_TAKEN,
    TOO_MANY_PASSKEYS,
    NOTHING_TO_CONFIRM,
    NO_FACTOR,
    LAST_FACTOR,
    FACTOR_NOT_FOUND,
    STEP_UP_REFUSED,
    SECOND_FACTOR_NEEDED,
    STEP_UP_REQUIRED,
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
    #[error("the tenant is suspended or gone")]
    TenantSuspended,
    #[error("a second factor is demanded")]
    SecondFactorDemanded(Box<Demand>),
    #[error("the challenge is unknown, spent or dead")]
    ChallengeInvalid,
    #[error("wrong proof: {0:?}")]
    WrongProof(WrongProof),
    /// Of an authenticator app on its way to be enrolled.
    #[error("wrong code")]
    WrongCode,
    #[error("no authenticator app waits to be confirmed")]
    NothingToConfirm,
    #[error("passkey: {0}")]
    Passkey(PasskeyError),
    #[error("new passkey: {0}")]
    PasskeyRefused(PasskeyError),
    #[error("the passkey is registered")]
    PasskeyTaken,
    #[error("too many passkeys")]
    TooManyPasskeys,
    #[error("no such factor is enrolled")]
    NoFactor,
    #[error("no such factor")]
    FactorNotFound,
    #[error("the last factor, where one is demanded")]
    LastFactor,
    #[error("not a fresh proof")]
    StepUpRefused,
    #[error("the password does not do for a fresh proof")]
    SecondFactorNeeded,
    #[error("a recent authentication is demanded")]
    StepUp(#[source] Problem),
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
            Error::TenantSuspended => {
                TENANT_SUSPENDED.problem("ask whoever runs this platform for your organisation")
            }
            Error::SecondFactorDemanded(demand) => demanded(&demand),
            Error::ChallengeInvalid => CHALLENGE_INVALID
                .problem("it is unknown, expired, answered, or was tried too often"),
            Error::WrongProof(WrongProof::Code | WrongProof::Password) => {
                INVALID_CODE.problem("it is wrong, expired, or was used before")
            }
            Error::WrongProof(WrongProof::Passkey(_)) | Error::Passkey(_) => INVALID_PASSKEY
                .problem("it is unknown here, or its signature is not for this sign-in"),
            Error::WrongCode => {
                Invalid::new("code.wrong", "is not the code that the app shows now").at("/code")
            }
            Error::NothingToConfirm => {
                NOTHING_TO_CONFIRM.problem("ask for a new secret, then confirm it within 15 min")
            }
            Error::PasskeyRefused(reason) => PASSKEY_REFUSED.problem(reason.to_string()),
            Error::PasskeyTaken => PASSKEY_TAKEN.problem("make another one"),
            Error::TooManyPasskeys => TOO_MANY_PASSKEYS.problem("remove one first"),
            Error::NoFactor => NO_FACTOR.problem("enrol one first"),
            Error::FactorNotFound => FACTOR_NOT_FOUND.problem("no factor of yours is like this"),
            Error::LastFactor => LAST_FACTOR.problem("enrol another one first"),
            Error::StepUpRefused => STEP_UP_REFUSED.problem("check it, and try again"),
            Error::SecondFactorNeeded => {
                SECOND_FACTOR_NEEDED.problem("give a code, a recovery code or a passkey")
            }
            Error::Contended => problem::CONFLICT.problem("try again"),
            Error::Invalid(problem) | Error::Throttled(problem) | Error::StepUp(problem) => problem,
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

/// What the client needs to go on travels in the problem (RFC 9457, section 3.2).
fn demanded(demand: &Demand) -> Problem {
    let problem = match demand.purpose {
        Purpose::SecondFactor => {
            MFA_REQUIRED.problem("send it with the challenge to /api/v1/auth/login/mfa")
        }
        Purpose::Enrolment => MFA_ENROLLMENT_REQUIRED
            .problem("enrol one with the challenge at /api/v1/auth/login/mfa/totp"),
    };
    let methods = serde_json::to_value(&demand.kinds).unwrap_or_default();
    problem
        .with("challenge", demand.challenge.expose())
        .with("expires_in", LIFETIME.as_secs())
        .with("methods", methods)
}

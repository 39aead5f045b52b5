//! Why a sign-in by a provider, or a change of one, does not happen.

use std::sync::Arc;

use http::StatusCode;
use kernel::problem::{Kind, Problem};

use super::id_token::Flaw;

pub const PROVIDER_NOT_FOUND: Kind = Kind::new(
    StatusCode::NOT_FOUND,
    "auth.provider_not_found",
    "There is no such identity provider",
);
pub const SLUG_TAKEN: Kind = Kind::new(
    StatusCode::CONFLICT,
    "auth.provider_slug_taken",
    "Another identity provider has the slug",
);
pub const STATE_INVALID: Kind = Kind::new(
    StatusCode::BAD_REQUEST,
    "auth.federation_state_invalid",
    "The sign-in was not begun in this browser, took too long, or is over",
);
pub const DENIED: Kind = Kind::new(
    StatusCode::FORBIDDEN,
    "auth.federation_denied",
    "The identity provider signed nobody in",
);
pub const UNPROVEN: Kind = Kind::new(
    StatusCode::UNAUTHORIZED,
    "auth.federation_unproven",
    "The identity provider's answer does not prove who signed in",
);
/// Not a 5xx: a tenant that names a provider which is not there must not ring our alarms.
pub const PROVIDER_UNAVAILABLE: Kind = Kind::new(
    StatusCode::FAILED_DEPENDENCY,
    "auth.provider_unavailable",
    "The identity provider does not answer as it should",
);
pub const EMAIL_UNPROVEN: Kind = Kind::new(
    StatusCode::FORBIDDEN,
    "auth.federation_email_unverified",
    "The identity provider does not vouch for the e-mail address",
);
pub const NOT_ALLOWED: Kind = Kind::new(
    StatusCode::FORBIDDEN,
    "auth.federation_not_allowed",
    "The organisation does not let this person in by this provider",
);
pub const NOT_LINKABLE: Kind = Kind::new(
    StatusCode::FORBIDDEN,
    "auth.federation_not_linkable",
    "The account with this address cannot be used by this provider",
);
pub const IDENTITY_NOT_FOUND: Kind =
    Kind::new(StatusCode::NOT_FOUND, "auth.identity_not_found", "There is no such link");
pub const LAST_IDENTITY: Kind = Kind::new(
    StatusCode::CONFLICT,
    "auth.last_identity",
    "The account could not be signed in to any more",
);

/// Why not.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("no such provider, or it is disabled")]
    ProviderNotFound,
    #[error("the slug is taken")]
    SlugTaken,
    #[error("the state is not valid")]
    StateInvalid,
    #[error("the provider answered with an error")]
    Denied,
    #[error("the provider's answer is not to be believed: {0}")]
    Unproven(#[from] Flaw),
    #[error("the provider cannot be used: {0}")]
    Unavailable(String),
    #[error("the address is not proven")]
    EmailUnproven,
    #[error("not let in: {0}")]
    NotAllowed(&'static str),
    #[error("not linked: {0}")]
    NotLinkable(&'static str),
    #[error("no such link")]
    IdentityNotFound,
    #[error("the last way to sign in")]
    LastIdentity,
}

impl Refusal {
    pub fn unavailable(cause: impl std::fmt::Display) -> Self {
        Self::Unavailable(cause.to_string())
    }

    /// The same, for each of those who waited for one answer.
    pub fn shared(refusal: &Arc<Self>) -> Self {
        match &**refusal {
            Self::Unavailable(cause) => Self::Unavailable(cause.clone()),
            other => Self::unavailable(other),
        }
    }

    /// Whether somebody came as far as to be refused in person: a failed sign-in, for the audit log.
    pub fn is_failed_sign_in(&self) -> bool {
        match self {
            Self::Unproven(_)
            | Self::EmailUnproven
            | Self::NotAllowed(_)
            | Self::NotLinkable(_) => true,
            Self::ProviderNotFound
            | Self::SlugTaken
            | Self::StateInvalid
            | Self::Denied
            | Self::Unavailable(_)
            | Self::IdentityNotFound
            | Self::LastIdentity => false,
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::ProviderNotFound => {
                PROVIDER_NOT_FOUND.problem("the organisation has none of this name or id in use")
            }
            Refusal::SlugTaken => SLUG_TAKEN.problem("choose another slug"),
            Refusal::StateInvalid => STATE_INVALID.problem("begin again"),
            Refusal::Denied => DENIED.problem("begin again, or sign in another way"),
            Refusal::Unproven(_) => {
                UNPROVEN.problem("begin again; if it stays, tell an administrator")
            }
            Refusal::Unavailable(_) => {
                PROVIDER_UNAVAILABLE.problem("try again later; if it stays, tell an administrator")
            }
            Refusal::EmailUnproven => {
                EMAIL_UNPROVEN.problem("verify the address at the provider, then begin again")
            }
            Refusal::NotAllowed(_) => NOT_ALLOWED.problem("ask an administrator for an account"),
            Refusal::NotLinkable(_) => {
                NOT_LINKABLE.problem("sign in another way, or ask an administrator")
            }
            Refusal::IdentityNotFound => IDENTITY_NOT_FOUND.problem("no link of yours has this id"),
            Refusal::LastIdentity => LAST_IDENTITY.problem("set a password first"),
        }
    }
}

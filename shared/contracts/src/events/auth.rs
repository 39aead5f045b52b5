use kernel::{
    event::EventData,
    id::{IdentityId, ProviderId, SessionId, UserId},
};
use serde::{Deserialize, Serialize};

use super::Contact;

/// Somebody signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginSucceeded {
    pub user_id: UserId,
    pub session_id: SessionId,
}

/// Why a sign-in was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoginFailure {
    /// Wrong password, or no such account.
    InvalidCredentials,
    EmailNotVerified,
    Suspended,
    /// Too many wrong passwords just before.
    LockedOut,
    /// What an identity provider said was not enough, or not to be believed.
    Federation,
}

/// A sign-in was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginFailed {
    /// Absent when the address has no account.
    pub user_id: Option<UserId>,
    pub reason: LoginFailure,
}

/// Somebody signed out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoggedOut {
    pub user_id: UserId,
    pub session_id: SessionId,
}

/// Why a session ended without its user signing out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationReason {
    /// Its user ended it from another session.
    ByUser,
    /// All of the user's sessions were ended by the user.
    LogoutAll,
    PasswordChanged,
    /// A service client handed in one of its tokens, as one that was found or is not needed.
    ByClient,
    /// A spent refresh token came back.
    TokenReuse,
    UserSuspended,
    UserDeleted,
}

/// Sessions were ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionRevoked {
    pub user_id: UserId,
    /// Absent when all of the user's sessions ended.
    pub session_id: Option<SessionId>,
    /// The one session that goes on when all others ended.
    pub kept_session_id: Option<SessionId>,
    pub reason: RevocationReason,
}

/// A refresh token was used again after its successor; somebody else may have had it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenReuseDetected {
    pub user_id: UserId,
    pub session_id: SessionId,
}

/// A password changed; sessions end, but for the one that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordChanged {
    pub user_id: UserId,
    pub kept_session_id: Option<SessionId>,
}

/// Somebody asked for a link to set a new password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordResetRequested {
    pub user_id: UserId,
    /// Names the link to mail.
    pub nonce: String,
    pub personal: Contact,
}

/// An identity provider was set up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderCreated {
    pub provider_id: ProviderId,
    pub slug: String,
    pub preset: String,
    pub issuer: String,
}

/// An identity provider changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderUpdated {
    pub provider_id: ProviderId,
    /// Names of the fields that changed.
    pub changed: Vec<String>,
}

/// An identity provider was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderDeleted {
    pub provider_id: ProviderId,
    pub slug: String,
}

/// An account can be signed in to by an identity provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityLinked {
    pub user_id: UserId,
    pub identity_id: IdentityId,
    pub provider_id: ProviderId,
}

/// An account cannot be signed in to by an identity provider any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityUnlinked {
    pub user_id: UserId,
    pub identity_id: IdentityId,
    pub provider_id: ProviderId,
}

impl EventData for LoginSucceeded {
    const TYPE: &'static str = "platform.auth.login_succeeded";
    const RESOURCE: &'static str = "session";

    fn subject_id(&self) -> String {
        self.session_id.to_string()
    }
}

impl EventData for LoginFailed {
    const TYPE: &'static str = "platform.auth.login_failed";
    const RESOURCE: &'static str = "user";

    fn subject_id(&self) -> String {
        self.user_id.map_or_else(|| "unknown".to_owned(), |user| user.to_string())
    }
}

impl EventData for LoggedOut {
    const TYPE: &'static str = "platform.auth.logged_out";
    const RESOURCE: &'static str = "session";

    fn subject_id(&self) -> String {
        self.session_id.to_string()
    }
}

impl EventData for SessionRevoked {
    const TYPE: &'static str = "platform.auth.session_revoked";
    const RESOURCE: &'static str = "session";

    fn subject_id(&self) -> String {
        self.session_id.map_or_else(|| "all".to_owned(), |session| session.to_string())
    }
}

impl EventData for TokenReuseDetected {
    const TYPE: &'static str = "platform.auth.token_reuse_detected";
    const RESOURCE: &'static str = "session";

    fn subject_id(&self) -> String {
        self.session_id.to_string()
    }
}

impl EventData for PasswordChanged {
    const TYPE: &'static str = "platform.auth.password_changed";
    const RESOURCE: &'static str = "user";

    fn subject_id(&self) -> String {
        self.user_id.to_string()
    }
}

impl EventData for PasswordResetRequested {
    const TYPE: &'static str = "platform.auth.password_reset_requested";
    const RESOURCE: &'static str = "user";

    fn subject_id(&self) -> String {
        self.user_id.to_string()
    }
}

impl EventData for ProviderCreated {
    const TYPE: &'static str = "platform.auth.provider_created";
    const RESOURCE: &'static str = "provider";

    fn subject_id(&self) -> String {
        self.provider_id.to_string()
    }
}

impl EventData for ProviderUpdated {
    const TYPE: &'static str = "platform.auth.provider_updated";
    const RESOURCE: &'static str = "provider";

    fn subject_id(&self) -> String {
        self.provider_id.to_string()
    }
}

impl EventData for ProviderDeleted {
    const TYPE: &'static str = "platform.auth.provider_deleted";
    const RESOURCE: &'static str = "provider";

    fn subject_id(&self) -> String {
        self.provider_id.to_string()
    }
}

impl EventData for IdentityLinked {
    const TYPE: &'static str = "platform.auth.identity_linked";
    const RESOURCE: &'static str = "identity";

    fn subject_id(&self) -> String {
        self.identity_id.to_string()
    }
}

impl EventData for IdentityUnlinked {
    const TYPE: &'static str = "platform.auth.identity_unlinked";
    const RESOURCE: &'static str = "identity";

    fn subject_id(&self) -> String {
        self.identity_id.to_string()
    }
}

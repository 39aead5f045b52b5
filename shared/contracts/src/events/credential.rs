use jiff::Timestamp;
use kernel::{
    event::EventData,
    id::{ApiKeyId, ClientId, ClientSecretId, UserId},
};
use serde::{Deserialize, Serialize};

/// A service client was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientCreated {
    pub client_id: ClientId,
    pub name: String,
    /// Codes of permissions.
    pub scopes: Vec<String>,
}

/// A service client was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientUpdated {
    pub client_id: ClientId,
    /// Names of the fields that differ.
    pub changed: Vec<String>,
    /// The scopes after the change.
    pub scopes: Vec<String>,
    pub is_enabled: bool,
}

/// A service client was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientDeleted {
    pub client_id: ClientId,
}

/// A service client got a new secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientSecretRotated {
    pub client_id: ClientId,
    /// The new secret's id, not the secret.
    pub secret_id: ClientSecretId,
    /// Until when the one before works; absent when it ended at once.
    pub former_until: Option<Timestamp>,
}

/// Somebody made an API key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKeyCreated {
    pub user_id: UserId,
    pub api_key_id: ApiKeyId,
    /// Codes of permissions; empty is whatever the user may.
    pub scopes: Vec<String>,
    pub expires_at: Timestamp,
}

/// Why API keys ended before their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiKeyRevocationReason {
    ByUser,
    /// A service client handed it in, as one that was found or is not needed.
    ByClient,
    /// A password was set by a mailed link.
    PasswordReset,
    UserSuspended,
    UserDeleted,
}

/// API keys were ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKeyRevoked {
    pub user_id: UserId,
    /// Absent when all of the user's keys ended.
    pub api_key_id: Option<ApiKeyId>,
    pub reason: ApiKeyRevocationReason,
}

impl EventData for ClientCreated {
    const TYPE: &'static str = "platform.auth.client_created";
    const RESOURCE: &'static str = "client";

    fn subject_id(&self) -> String {
        self.client_id.to_string()
    }
}

impl EventData for ClientUpdated {
    const TYPE: &'static str = "platform.auth.client_updated";
    const RESOURCE: &'static str = "client";

    fn subject_id(&self) -> String {
        self.client_id.to_string()
    }
}

impl EventData for ClientDeleted {
    const TYPE: &'static str = "platform.auth.client_deleted";
    const RESOURCE: &'static str = "client";

    fn subject_id(&self) -> String {
        self.client_id.to_string()
    }
}

impl EventData for ClientSecretRotated {
    const TYPE: &'static str = "platform.auth.client_secret_rotated";
    const RESOURCE: &'static str = "client";

    fn subject_id(&self) -> String {
        self.client_id.to_string()
    }
}

impl EventData for ApiKeyCreated {
    const TYPE: &'static str = "platform.auth.api_key_created";
    const RESOURCE: &'static str = "api_key";

    fn subject_id(&self) -> String {
        self.api_key_id.to_string()
    }
}

impl EventData for ApiKeyRevoked {
    const TYPE: &'static str = "platform.auth.api_key_revoked";
    const RESOURCE: &'static str = "api_key";

    fn subject_id(&self) -> String {
        self.api_key_id.map_or_else(|| "all".to_owned(), |key| key.to_string())
    }
}

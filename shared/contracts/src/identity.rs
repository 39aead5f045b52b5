//! The identity service, as other services see it.

use async_trait::async_trait;
use http::StatusCode;
use jiff::Timestamp;
use kernel::{
    caller::Tenant,
    client::{CallError, ServiceClient},
    id::{SessionId, TenantId, UserId},
    origin::Origin,
    problem::Kind,
    secret::Secret,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Refusal: the password given as the current one is not.
pub const WRONG_PASSWORD: Kind =
    Kind::new(StatusCode::FORBIDDEN, "auth.wrong_password", "The current password is not right");
/// More sign-ins than this machine can hash passwords for.
pub const BUSY: Kind =
    Kind::new(StatusCode::SERVICE_UNAVAILABLE, "auth.busy", "Too many sign-ins at the same time");

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserStatus {
    /// The address is not verified yet.
    Pending,
    Active,
    Suspended,
    Deleted,
}

/// A user, as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    pub id: UserId,
    pub tenant_id: TenantId,
    #[schema(example = "ada@example.org")]
    pub email: String,
    #[schema(example = "ada", required)]
    pub username: Option<String>,
    #[schema(example = "Ada")]
    pub first_name: String,
    #[schema(example = "Lovelace")]
    pub last_name: String,
    #[schema(required)]
    pub avatar_url: Option<String>,
    pub status: UserStatus,
    pub email_verified: bool,
    /// Names of the user's roles.
    #[schema(example = json!(["member"]))]
    pub roles: Vec<String>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    pub version: u64,
}

/// A new account for somebody who is not signed in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Registration {
    pub tenant_id: TenantId,
    /// The account's id. Registering again with the same one is one registration.
    #[serde(default = "UserId::new")]
    pub user_id: UserId,
    pub email: String,
    pub password: Secret,
    pub name: String,
}

/// An address and a password to check.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Credentials {
    pub email: String,
    pub password: Secret,
}

/// What came of checking a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum PasswordCheck {
    /// The right password. Whether the account may sign in is for the caller to decide.
    Right { user: Box<User> },
    /// A wrong one; the account, if the address has one, is for the audit log only.
    Wrong { tenant_id: Option<TenantId>, user_id: Option<UserId> },
}

/// A change of password by its owner.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PasswordChange {
    pub current_password: Secret,
    pub new_password: Secret,
    /// The session that goes on; all others end.
    pub keep_session: SessionId,
}

/// Asks for an active account with this id to exist: seeding, tests, set-up.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EnsureUser {
    pub email: String,
    pub password: Secret,
    /// The password is random and long, so stretching it adds nothing: it is stored with the cheapest
    /// parameters, and the first sign-in replaces them.
    #[serde(default)]
    pub is_random: bool,
    pub first_name: String,
    pub last_name: String,
}

/// Asks for an active account of somebody whose address has been proven elsewhere, and who has no
/// password here.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProvenUser {
    pub email: String,
    pub first_name: String,
    pub last_name: String,
}

/// Whose account is asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Address {
    pub email: String,
}

/// Whether an account has a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordStatus {
    pub is_set: bool,
}

/// Refusal: an address has one account at most, over all tenants.
pub const EMAIL_TAKEN: Kind =
    Kind::new(StatusCode::CONFLICT, "user.email_taken", "The e-mail address has an account");

/// The identity service.
#[async_trait]
pub trait Identities: Send + Sync + 'static {
    /// Creates a pending account and has a verification mail sent; if the address is taken, its owner
    /// gets a mail instead. The answer is the same. Refused with field errors (`request.invalid`).
    async fn register(&self, origin: &Origin, registration: &Registration)
    -> Result<(), CallError>;

    /// Checks a password. Takes the same time whether or not the address has an account.
    async fn check_password(
        &self,
        origin: &Origin,
        credentials: &Credentials,
    ) -> Result<PasswordCheck, CallError>;

    /// The user; `None` when there is none (or no longer).
    async fn find(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
    ) -> Result<Option<User>, CallError>;

    /// The tenant's user with this address, proven or not; `None` when it has none (or no longer).
    async fn find_by_email(
        &self,
        origin: &Origin,
        tenant: Tenant,
        email: &str,
    ) -> Result<Option<User>, CallError>;

    /// Creates an active, verified account without a password unless the id has one. Refused with
    /// [`EMAIL_TAKEN`] or field errors.
    async fn ensure_proven(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
        account: &ProvenUser,
    ) -> Result<User, CallError>;

    /// Whether the user has a password to sign in with.
    async fn password_status(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
    ) -> Result<PasswordStatus, CallError>;

    /// Refused with [`WRONG_PASSWORD`], or with field errors about `/new_password`.
    async fn change_password(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
        change: &PasswordChange,
    ) -> Result<(), CallError>;

    /// Creates an active, verified account unless it exists.
    async fn ensure(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
        account: &EnsureUser,
    ) -> Result<User, CallError>;
}

#[async_trait]
impl Identities for ServiceClient {
    async fn register(
        &self,
        origin: &Origin,
        registration: &Registration,
    ) -> Result<(), CallError> {
        self.post(origin, "/internal/identity/registrations", registration).await
    }

    async fn check_password(
        &self,
        origin: &Origin,
        credentials: &Credentials,
    ) -> Result<PasswordCheck, CallError> {
        self.post(origin, "/internal/identity/password-checks", credentials).await
    }

    async fn find(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
    ) -> Result<Option<User>, CallError> {
        self.get(origin, &format!("/internal/identity/tenants/{tenant}/users/{user}")).await
    }

    async fn find_by_email(
        &self,
        origin: &Origin,
        tenant: Tenant,
        email: &str,
    ) -> Result<Option<User>, CallError> {
        // In the body: an address is personal, and paths are logged.
        let address = Address { email: email.to_owned() };
        self.put(origin, &format!("/internal/identity/tenants/{tenant}/user-by-email"), &address)
            .await
    }

    async fn ensure_proven(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
        account: &ProvenUser,
    ) -> Result<User, CallError> {
        let path = format!("/internal/identity/tenants/{tenant}/users/{user}/proven");
        self.put(origin, &path, account).await
    }

    async fn password_status(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
    ) -> Result<PasswordStatus, CallError> {
        self.get(origin, &format!("/internal/identity/tenants/{tenant}/users/{user}/password"))
            .await
    }

    async fn change_password(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
        change: &PasswordChange,
    ) -> Result<(), CallError> {
        let path = format!("/internal/identity/tenants/{tenant}/users/{user}/password");
        self.post(origin, &path, change).await
    }

    async fn ensure(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
        account: &EnsureUser,
    ) -> Result<User, CallError> {
        self.put(origin, &format!("/internal/identity/tenants/{tenant}/users/{user}"), account)
            .await
    }
}

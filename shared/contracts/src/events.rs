//! The data of every event type. Each has a JSON Schema and an example in `events/`.
//!
//! Personal data goes under `personal` and nowhere else: audit entries never keep that part.
//! Secrets never go into an event; a mailed link's token is derived from the nonce by the one who
//! sends the mail.

mod auth;
mod credential;
mod role;
mod tenant;
mod user;

pub use auth::*;
pub use credential::*;
use kernel::event::EventData;
pub use role::*;
use serde_json::Value;
pub use tenant::*;
pub use user::*;

/// Whether data has its type's shape: a function per known type.
type ShapeCheck = fn(&Value) -> Result<(), serde_json::Error>;

fn shape<T: EventData>() -> (&'static str, ShapeCheck) {
    (T::TYPE, |data| T::deserialize(data).map(|_| ()))
}

/// Every event type that the platform's own modules publish, with its check.
pub fn catalogue() -> Vec<(&'static str, ShapeCheck)> {
    vec![
        shape::<UserCreated>(),
        shape::<UserUpdated>(),
        shape::<UserDeleted>(),
        shape::<UserRestored>(),
        shape::<UserErased>(),
        shape::<UserVerified>(),
        shape::<UserSuspended>(),
        shape::<UserActivated>(),
        shape::<UserMailRequested>(),
        shape::<UserImportRequested>(),
        shape::<LoginSucceeded>(),
        shape::<LoginFailed>(),
        shape::<LoggedOut>(),
        shape::<SessionRevoked>(),
        shape::<TokenReuseDetected>(),
        shape::<ClientCreated>(),
        shape::<ClientUpdated>(),
        shape::<ClientDeleted>(),
        shape::<ClientSecretRotated>(),
        shape::<ApiKeyCreated>(),
        shape::<ApiKeyRevoked>(),
        shape::<PasswordChanged>(),
        shape::<MfaEnabled>(),
        shape::<MfaDisabled>(),
        shape::<PasswordResetRequested>(),
        shape::<ProviderCreated>(),
        shape::<ProviderUpdated>(),
        shape::<ProviderDeleted>(),
        shape::<IdentityLinked>(),
        shape::<IdentityUnlinked>(),
        shape::<RoleCreated>(),
        shape::<RoleUpdated>(),
        shape::<RoleDeleted>(),
        shape::<RoleAssigned>(),
        shape::<RoleRevoked>(),
        shape::<PermissionGranted>(),
        shape::<PermissionRevoked>(),
        shape::<TenantCreated>(),
        shape::<TenantUpdated>(),
    ]
}

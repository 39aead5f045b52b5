//! Identifiers: UUIDv7 newtypes, so that a user's id cannot be passed where a tenant's is due.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Declares a UUIDv7 newtype. Only data, no behaviour hides here.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
        )]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new, time-ordered id (RFC 9562, version 7).
            #[expect(clippy::new_without_default, reason = "each call gives another value")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

id!(
    /// A tenant: the organisation that owns data.
    TenantId
);
id!(
    /// A user account.
    UserId
);
id!(
    /// An import of many users at once.
    ImportId
);
id!(
    /// A sign-in of a user on one device; its refresh tokens form one family.
    SessionId
);
id!(
    /// A role of a tenant.
    RoleId
);
id!(
    /// An event; consumers are idempotent by it.
    EventId
);
id!(
    /// An identity provider of a tenant, such as its own OpenID provider.
    ProviderId
);
id!(
    /// A link between an account and what a provider calls the same person.
    IdentityId
);
id!(
    /// A service client: a machine that acts for a tenant.
    ClientId
);
id!(
    /// One of a service client's secrets.
    ClientSecretId
);
id!(
    /// A personal API key.
    ApiKeyId
);
id!(
    /// An access token.
    TokenId
);

//! What services say to each other: events, service clients with their DTOs, and the tables generated
//! from the manifests.
//!
//! A service never depends on another service's crate; whatever two of them must agree on is here.
//! To add an event: its data in [`events`], its type in the publisher's `module.yaml`, its schema and
//! example in `events/` at the repository's top.

pub mod access_token;
pub mod audit;
pub mod authz;
pub mod catalogue;
pub mod credential;
pub mod events;
pub mod generated;
pub mod identity;
pub mod sessions;
pub mod tenant;

use kernel::id::TenantId;
use uuid::Uuid;

/// The tenant of the platform's own operators. Its audit log also takes what belongs to no tenant, such
/// as sign-ins for unknown addresses.
pub const PLATFORM_TENANT: TenantId =
    TenantId::from_uuid(Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0000));

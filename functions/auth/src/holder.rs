//! Whose factors something is about, and the keys that protect them.

use contracts::identity::User;
use kernel::{
    caller::Tenant,
    id::{TenantId, UserId},
    secret::Key,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Bytes of the tag in a user handle.
const HANDLE_TAG: usize = 16;

/// Whose factors they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub tenant: TenantId,
    pub user: UserId,
}

impl Holder {
    pub fn of(user: &User) -> Self {
        Self { tenant: user.tenant_id, user: user.id }
    }

    /// Only for holders that a token, a challenge or a password has proven.
    pub fn tenant(self) -> Tenant {
        Tenant::of_secret(self.tenant)
    }

    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(self.tenant.as_uuid().as_bytes());
        bytes[16..].copy_from_slice(self.user.as_uuid().as_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; 32]) -> Self {
        let id = |half: &[u8]| Uuid::from_slice(half).unwrap_or_default();
        let (tenant, user) = bytes.split_at(16);
        Self { tenant: TenantId::from_uuid(id(tenant)), user: UserId::from_uuid(id(user)) }
    }
}

/// What protects factors, each purpose with a key of its own.
pub struct FactorKeys {
    pub totp: Key,
    pub recovery: Key,
    handle: Key,
    pub device: Key,
}

impl FactorKeys {
    pub fn new(key: &Key) -> Self {
        Self {
            totp: key.derive("totp"),
            recovery: key.derive("recovery"),
            handle: key.derive("handle"),
            device: key.derive("device"),
        }
    }

    /// What an authenticator stores to say whose passkey it is (WebAuthn L3, section 5.4.3): opaque, and
    /// recognised by its tag as made here.
    pub fn handle(&self, holder: Holder) -> Vec<u8> {
        let bytes = holder.to_bytes();
        [&bytes[..], &self.handle.sign(&[&bytes])[..HANDLE_TAG]].concat()
    }

    pub fn open_handle(&self, handle: &[u8]) -> Option<Holder> {
        let (bytes, tag) = handle.split_first_chunk::<32>()?;
        let expected = self.handle.sign(&[bytes]);
        kernel::secret::equal(tag, &expected[..HANDLE_TAG]).then(|| Holder::from_bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_names_its_holder_and_cannot_be_made_elsewhere() {
        let keys = FactorKeys::new(&Key::random());
        let holder = Holder { tenant: TenantId::new(), user: UserId::new() };
        let mut handle = keys.handle(holder);
        assert!(handle.len() <= 64, "WebAuthn allows no more");
        assert_eq!(keys.open_handle(&handle), Some(holder));
        assert_eq!(FactorKeys::new(&Key::random()).open_handle(&handle), None);
        for at in 0..handle.len() {
            handle[at] ^= 1;
            assert_eq!(keys.open_handle(&handle), None, "byte {at}");
            handle[at] ^= 1;
        }
        assert_eq!(keys.open_handle(&[]), None);
    }
}

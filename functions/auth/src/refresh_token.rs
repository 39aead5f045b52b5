//! Refresh tokens: opaque to clients, self-locating and authentic to us.
//!
//! A token is `tenant ‖ user ‖ session ‖ secret ‖ tag`. The ids find the session in one read; the tag
//! (HMAC) tells a token of ours, however old, from a forged one, so that only a genuine spent token can
//! end its family. The first secret is 256 random bits; each successor is derived from its predecessor
//! under a key that only this service has. Whoever repeats a request whose answer got lost thus gets
//! the *same* successor again, although only fingerprints are stored.

use kernel::{
    caller::Tenant,
    id::{SessionId, TenantId, UserId},
    secret::{Key, Secret, decode, encode, fingerprint, random_bytes},
};
use uuid::Uuid;

const IDS_LENGTH: usize = 48;
const SECRET_LENGTH: usize = 32;
/// Bytes of the HMAC tag that are kept: 128 bits.
const TAG_LENGTH: usize = 16;

/// Whose token it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    pub tenant: TenantId,
    pub user: UserId,
    pub session: SessionId,
}

impl Owner {
    /// The token's possession proves the tenant.
    pub fn tenant(&self) -> Tenant {
        Tenant::of_secret(self.tenant)
    }

    fn to_bytes(self) -> [u8; IDS_LENGTH] {
        let mut bytes = [0; IDS_LENGTH];
        bytes[..16].copy_from_slice(self.tenant.as_uuid().as_bytes());
        bytes[16..32].copy_from_slice(self.user.as_uuid().as_bytes());
        bytes[32..].copy_from_slice(self.session.as_uuid().as_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; IDS_LENGTH]) -> Self {
        let id = |at: usize| {
            let mut id = [0; 16];
            id.copy_from_slice(&bytes[at..at + 16]);
            Uuid::from_bytes(id)
        };
        Self {
            tenant: TenantId::from_uuid(id(0)),
            user: UserId::from_uuid(id(16)),
            session: SessionId::from_uuid(id(32)),
        }
    }
}

/// A genuine token.
#[derive(Debug, Clone)]
pub struct RefreshToken {
    pub owner: Owner,
    /// What clients carry.
    pub text: Secret,
    secret: [u8; SECRET_LENGTH],
}

impl RefreshToken {
    /// What is stored of it.
    pub fn fingerprint(&self) -> String {
        fingerprint(&encode(&self.secret))
    }
}

/// Makes and recognises refresh tokens.
#[derive(Debug, Clone)]
pub struct RefreshTokens {
    tag_key: Key,
    successor_key: Key,
}

impl RefreshTokens {
    pub fn new(key: &Key) -> Self {
        Self { tag_key: key.derive("tag"), successor_key: key.derive("successor") }
    }

    /// The first token of a session.
    pub fn first(&self, owner: Owner) -> RefreshToken {
        self.seal(owner, random_bytes())
    }

    /// The one token that follows this one.
    pub fn successor(&self, token: &RefreshToken) -> RefreshToken {
        let secret = self.successor_key.sign(&[&token.owner.to_bytes(), &token.secret]);
        self.seal(token.owner, secret)
    }

    /// The token in a client's text; `None` unless it was made here.
    pub fn open(&self, text: &Secret) -> Option<RefreshToken> {
        let bytes = decode(text.expose())?;
        let (ids, rest) = bytes.split_first_chunk::<IDS_LENGTH>()?;
        let (secret, tag) = rest.split_first_chunk::<SECRET_LENGTH>()?;
        let expected = self.tag(ids, secret);
        kernel::secret::equal(tag, &expected).then(|| RefreshToken {
            owner: Owner::from_bytes(ids),
            text: text.clone(),
            secret: *secret,
        })
    }

    fn seal(&self, owner: Owner, secret: [u8; SECRET_LENGTH]) -> RefreshToken {
        let ids = owner.to_bytes();
        let bytes = [&ids[..], &secret, &self.tag(&ids, &secret)].concat();
        RefreshToken { owner, text: Secret::new(encode(&bytes)), secret }
    }

    fn tag(&self, ids: &[u8], secret: &[u8]) -> [u8; TAG_LENGTH] {
        let mut tag = [0; TAG_LENGTH];
        tag.copy_from_slice(&self.tag_key.sign(&[ids, secret])[..TAG_LENGTH]);
        tag
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner() -> Owner {
        Owner { tenant: TenantId::new(), user: UserId::new(), session: SessionId::new() }
    }

    #[test]
    fn a_token_opens_to_its_owner_and_has_one_successor() {
        let tokens = RefreshTokens::new(&Key::random());
        let first = tokens.first(owner());
        let opened = tokens.open(&first.text).unwrap();
        assert_eq!(opened.owner, first.owner);
        assert_eq!(opened.fingerprint(), first.fingerprint());
        let next = tokens.successor(&first);
        assert_eq!(next.text.expose(), tokens.successor(&opened).text.expose());
        assert_ne!(next.fingerprint(), first.fingerprint());
        assert!(tokens.open(&next.text).is_some());
    }

    #[test]
    fn a_forged_or_changed_token_does_not_open() {
        let tokens = RefreshTokens::new(&Key::random());
        let text = tokens.first(owner()).text;
        let mut bytes = decode(text.expose()).unwrap();
        for at in 0..bytes.len() {
            bytes[at] ^= 1;
            assert!(tokens.open(&Secret::new(encode(&bytes))).is_none(), "byte {at}");
            bytes[at] ^= 1;
        }
        assert!(RefreshTokens::new(&Key::random()).open(&text).is_none());
        assert!(tokens.open(&Secret::new("")).is_none());
        assert!(tokens.open(&Secret::new("not base64 ☃")).is_none());
    }
}

//! API keys and client secrets from the inside: self-locating, unguessable, authentic.
//!
//! The content is `ids ‖ random ‖ tag`. The ids find the record in one read. The 128 random bits make the
//! text unguessable, so that a plain hash of it can be stored (NIST SP 800-63B-4, section 3.1.2.2). The tag
//! (HMAC over the rest, under a key that only this service has) makes a forged one cost no read.

use contracts::credential::{unwrap, wrap};
use kernel::secret::{Key, Secret, equal, fingerprint, random_bytes};
use uuid::Uuid;

const ID_LENGTH: usize = 16;
const RANDOM_LENGTH: usize = 16;
/// Bytes of the HMAC tag that are kept: 128 bits.
const TAG_LENGTH: usize = 16;

/// Makes and recognises one sort of credential, which names so many things.
#[derive(Debug, Clone)]
pub struct Credentials<const IDS: usize> {
    prefix: &'static str,
    tag_key: Key,
}

/// A credential that was made here.
#[derive(Debug)]
pub struct Credential<const IDS: usize> {
    pub ids: [Uuid; IDS],
    /// What its owner keeps. It is shown once.
    pub text: Secret,
    /// What is stored of it.
    pub fingerprint: String,
}

impl<const IDS: usize> Credential<IDS> {
    fn new(ids: [Uuid; IDS], text: Secret) -> Self {
        Self { ids, fingerprint: fingerprint(text.expose()), text }
    }
}

impl<const IDS: usize> Credentials<IDS> {
    pub fn new(prefix: &'static str, key: &Key) -> Self {
        Self { prefix, tag_key: key.derive(prefix) }
    }

    /// A new credential.
    pub fn make(&self, ids: [Uuid; IDS]) -> Credential<IDS> {
        let mut content: Vec<u8> = ids.iter().flat_map(|id| *id.as_bytes()).collect();
        content.extend(random_bytes::<RANDOM_LENGTH>());
        let tag = self.tag(&content);
        content.extend(tag);
        Credential::new(ids, wrap(self.prefix, &content))
    }

    /// The credential in a text; `None` unless it was made here.
    pub fn open(&self, text: &Secret) -> Option<Credential<IDS>> {
        let content = unwrap(self.prefix, text.expose())?;
        if content.len() != IDS * ID_LENGTH + RANDOM_LENGTH + TAG_LENGTH {
            return None;
        }
        let (signed, tag) = content.split_at(content.len() - TAG_LENGTH);
        if !equal(tag, &self.tag(signed)) {
            return None;
        }
        let (chunks, _) = signed.as_chunks::<ID_LENGTH>();
        let ids = std::array::from_fn(|index| Uuid::from_bytes(chunks[index]));
        // Of the many spellings that base64 has for some bytes only ours was stored.
        Some(Credential::new(ids, wrap(self.prefix, &content)))
    }

    fn tag(&self, signed: &[u8]) -> [u8; TAG_LENGTH] {
        let mut tag = [0; TAG_LENGTH];
        tag.copy_from_slice(&self.tag_key.sign(&[signed])[..TAG_LENGTH]);
        tag
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_opens_to_what_it_names() {
        let keys = Credentials::<3>::new("plk_", &Key::random());
        let ids = [Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7()];
        let made = keys.make(ids);
        let opened = keys.open(&made.text).unwrap();
        assert_eq!((opened.ids, opened.fingerprint), (ids, made.fingerprint.clone()));
        assert_ne!(keys.make(ids).fingerprint, made.fingerprint);
    }

    #[test]
    fn a_forged_one_does_not_open() {
        let key = Key::random();
        let keys = Credentials::<1>::new("plk_", &key);
        let text = keys.make([Uuid::now_v7()]).text;
        let content = unwrap("plk_", text.expose()).unwrap();
        for at in 0..content.len() {
            let mut changed = content.clone();
            changed[at] ^= 1;
            assert!(keys.open(&wrap("plk_", &changed)).is_none(), "byte {at}");
        }
        assert!(Credentials::<1>::new("plk_", &Key::random()).open(&text).is_none());
        // The same content as another sort of credential, or with another number of ids.
        assert!(Credentials::<1>::new("pls_", &key).open(&wrap("pls_", &content)).is_none());
        assert!(Credentials::<2>::new("plk_", &key).open(&text).is_none());
    }
}

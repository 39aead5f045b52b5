//! Secrets that have to be read back, encrypted for the table.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use kernel::secret::{Key, decode, encode};

/// Seals with AES-256-GCM under random nonces. What is sealed opens only in the same context, so a
/// sealed secret that is copied to somebody else's item is worth nothing there.
pub struct Sealer(RandomizedNonceKey);

impl Sealer {
    pub fn new(key: &Key) -> Self {
        let key = RandomizedNonceKey::new(&AES_256_GCM, key.as_bytes());
        Self(key.expect("the key has 256 bits"))
    }

    pub fn seal(&self, context: &[u8], secret: &[u8]) -> String {
        let mut bytes = secret.to_vec();
        let sealed = self.0.seal_in_place_append_tag(Aad::from(context), &mut bytes);
        let nonce = sealed.expect("a short text is sealed");
        encode(&[&nonce.as_ref()[..], &bytes].concat())
    }

    /// `None` for what was sealed elsewhere, for another context, or changed.
    pub fn open(&self, context: &[u8], sealed: &str) -> Option<Vec<u8>> {
        let mut bytes = decode(sealed)?;
        let (nonce, text) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let opened = self.0.open_in_place(nonce, Aad::from(context), text).ok()?;
        Some(opened.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_in_its_context_only() {
        let sealer = Sealer::new(&Key::random());
        let sealed = sealer.seal(b"ada", b"secret");
        assert_ne!(sealed, sealer.seal(b"ada", b"secret"), "nonces differ");
        assert_eq!(sealer.open(b"ada", &sealed).unwrap(), b"secret");
        assert!(sealer.open(b"eve", &sealed).is_none());
        assert!(Sealer::new(&Key::random()).open(b"ada", &sealed).is_none());
        let mut changed = decode(&sealed).unwrap();
        for at in 0..changed.len() {
            changed[at] ^= 1;
            assert!(sealer.open(b"ada", &encode(&changed)).is_none(), "byte {at}");
            changed[at] ^= 1;
        }
        for text in ["", "AAAA", "not base64 ☃"] {
            assert!(sealer.open(b"ada", text).is_none());
        }
    }
}

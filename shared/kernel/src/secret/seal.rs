//! Encryption of what has to be read back: AES-256-GCM.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};

use super::{Key, decode, encode};

impl Key {
    /// Encrypts for one place, which `context` names: what was sealed there opens nowhere else. Each
    /// context has a key of its own, so random nonces never come near their limit (NIST SP 800-38D, 8.3).
    pub fn seal(&self, context: &[u8], mut bytes: Vec<u8>) -> String {
        let key = self.sealing_key(context);
        let nonce = key
            .seal_in_place_append_tag(Aad::from(context), &mut bytes)
            .expect("what is sealed is far below the 64 GiB that AES-GCM takes");
        let mut sealed = nonce.as_ref().to_vec();
        sealed.append(&mut bytes);
        encode(&sealed)
    }

    /// The inverse of [`Self::seal`]; `None` for anything that this key has not sealed in this context.
    pub fn open(&self, context: &[u8], sealed: &str) -> Option<Vec<u8>> {
        let mut bytes = decode(sealed)?;
        let (nonce, secret) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let key = self.sealing_key(context);
        let opened = key.open_in_place(nonce, Aad::from(context), secret).ok()?;
        Some(opened.to_vec())
    }

    fn sealing_key(&self, context: &[u8]) -> RandomizedNonceKey {
        RandomizedNonceKey::new(&AES_256_GCM, &self.sign(&[b"seal", context]))
            .expect("a signature is as long as the key")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_sealed_opens_in_its_context_and_nowhere_else(
            bytes in any::<Vec<u8>>(), context in any::<Vec<u8>>(), other in any::<Vec<u8>>()
        ) {
            let key = Key::random();
            let sealed = key.seal(&context, bytes.clone());
            prop_assert_eq!(key.open(&context, &sealed), Some(bytes));
            prop_assert!(context == other || key.open(&other, &sealed).is_none());
            prop_assert!(Key::random().open(&context, &sealed).is_none());
        }

        #[test]
        fn what_was_changed_does_not_open(
            bytes in any::<Vec<u8>>(), index in any::<prop::sample::Index>(), bit in 0..8u8
        ) {
            let key = Key::random();
            let mut sealed = decode(&key.seal(b"here", bytes)).unwrap();
            let at = index.index(sealed.len());
            sealed[at] ^= 1 << bit;
            prop_assert!(key.open(b"here", &encode(&sealed)).is_none());
        }
    }

    #[test]
    fn the_same_is_never_sealed_the_same() {
        let key = Key::random();
        assert_ne!(key.seal(b"here", b"x".to_vec()), key.seal(b"here", b"x".to_vec()));
        for garbage in ["", "x", "????", "AAAA"] {
            assert_eq!(key.open(b"here", garbage), None);
        }
    }
}

//! Texts that only this service can read: a provider's client secret at rest, and what the `state` of a
//! sign-in carries through the browser.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use kernel::secret::{Key, Secret, decode, encode, random_bytes};
use serde::{Deserialize, Serialize};

/// A sealed text: nonce, ciphertext and tag in base64url.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

impl Sealed {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Seals with AES-256-GCM under random nonces: good for 2^32 texts (NIST SP 800-38D, section 8.3), which
/// neither configuration nor sign-ins under one key come near.
#[derive(Debug)]
pub struct Sealer(LessSafeKey);

impl Sealer {
    pub fn new(key: &Key) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, key.as_bytes()).expect("the key has 256 bits");
        Self(LessSafeKey::new(key))
    }

    /// Seals a text for one place: moved anywhere else, it does not open.
    pub fn seal(&self, place: &str, text: &str) -> Sealed {
        let nonce: [u8; NONCE_LEN] = random_bytes();
        let mut bytes = text.as_bytes().to_vec();
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.as_bytes()),
                &mut bytes,
            )
            .expect("the text is far shorter than 64 GiB");
        Sealed(encode(&[&nonce[..], &bytes].concat()))
    }

    /// The text, if this service sealed it for this place.
    pub fn open(&self, place: &str, sealed: &Sealed) -> Option<Secret> {
        let bytes = decode(&sealed.0)?;
        let (nonce, rest) = bytes.split_first_chunk::<NONCE_LEN>()?;
        let mut rest = rest.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let text = self.0.open_in_place(nonce, Aad::from(place.as_bytes()), &mut rest).ok()?;
        std::str::from_utf8(text).ok().map(Secret::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_opens_in_its_place_with_its_key_and_unchanged() {
        let sealer = Sealer::new(&Key::random());
        let sealed = sealer.seal("here", "hunter2");
        assert_eq!(sealer.open("here", &sealed).unwrap().expose(), "hunter2");
        assert_ne!(sealed, sealer.seal("here", "hunter2"));
        assert!(!sealed.as_str().contains("hunter2"));
        assert!(sealer.open("there", &sealed).is_none());
        assert!(Sealer::new(&Key::random()).open("here", &sealed).is_none());
        let mut changed = decode(sealed.as_str()).unwrap();
        changed[NONCE_LEN] ^= 1;
        assert!(sealer.open("here", &Sealed(encode(&changed))).is_none());
        for text in ["", "AAAA", "not base64!"] {
            assert!(sealer.open("here", &Sealed::new(text)).is_none());
        }
    }
}

//! Texts that only this service can read: a provider's client secret at rest, and what the `state` of a
//! sign-in carries through the browser.

use kernel::secret::{Key, Secret};
use serde::{Deserialize, Serialize};

/// A sealed text (`kernel::secret::Key::seal`).
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

/// Seals texts with a key of their own.
#[derive(Debug)]
pub struct Sealer(Key);

impl Sealer {
    pub fn new(key: Key) -> Self {
        Self(key)
    }

    /// Seals a text for one place: moved anywhere else, it does not open.
    pub fn seal(&self, place: &str, text: &str) -> Sealed {
        Sealed(self.0.seal(place.as_bytes(), text.as_bytes().to_vec()))
    }

    /// The text, if this service sealed it for this place.
    pub fn open(&self, place: &str, sealed: &Sealed) -> Option<Secret> {
        let text = self.0.open(place.as_bytes(), &sealed.0)?;
        String::from_utf8(text).ok().map(Secret::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_opens_in_its_place_with_its_key_and_unchanged() {
        let sealer = Sealer::new(Key::random());
        let sealed = sealer.seal("here", "hunter2");
        assert_eq!(sealer.open("here", &sealed).unwrap().expose(), "hunter2");
        assert_ne!(sealed, sealer.seal("here", "hunter2"));
        assert!(!sealed.as_str().contains("hunter2"));
        assert!(sealer.open("there", &sealed).is_none());
        assert!(Sealer::new(Key::random()).open("here", &sealed).is_none());
        for text in ["", "AAAA", "not base64!"] {
            assert!(sealer.open("here", &Sealed::new(text)).is_none());
        }
    }
}

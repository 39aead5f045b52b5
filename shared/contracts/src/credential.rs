//! The outer form of API keys and client secrets: `{prefix}{base64url(content and checksum)}`.
//!
//! The prefix tells people and secret scanners what they have found; the checksum (CRC-32, as in
//! GitHub's tokens) tells a typo from a key without asking anybody. What makes one genuine is inside
//! and is the auth service's business.

use kernel::secret::{Secret, decode, encode};

/// What a personal API key begins with.
pub const API_KEY: &str = "plk_";
/// What a service client's secret begins with.
pub const CLIENT_SECRET: &str = "pls_";

/// No credential of ours is longer.
const MAX_LENGTH: usize = 200;
const CHECKSUM_LENGTH: usize = 4;

/// The credential with this content.
pub fn wrap(prefix: &str, content: &[u8]) -> Secret {
    let checksum = crc32fast::hash(content).to_be_bytes();
    Secret::new(format!("{prefix}{}", encode(&[content, &checksum].concat())))
}

/// The content; `None` for a text that is no such credential, or mistyped.
pub fn unwrap(prefix: &str, text: &str) -> Option<Vec<u8>> {
    let encoded = text.strip_prefix(prefix).filter(|_| text.len() <= MAX_LENGTH)?;
    let mut content = decode(encoded)?;
    let checksum = content.split_off(content.len().checked_sub(CHECKSUM_LENGTH)?);
    (crc32fast::hash(&content).to_be_bytes()[..] == checksum).then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_opens_with_its_prefix_and_a_typo_does_not() {
        let text = wrap(API_KEY, b"content").expose().to_owned();
        assert!(text.starts_with("plk_"));
        assert_eq!(unwrap(API_KEY, &text).unwrap(), b"content");
        assert!(unwrap(CLIENT_SECRET, &text).is_none());
        for at in API_KEY.len()..text.len() {
            let mut typo = text.clone().into_bytes();
            typo[at] = if typo[at] == b'A' { b'B' } else { b'A' };
            assert!(unwrap(API_KEY, std::str::from_utf8(&typo).unwrap()).is_none(), "{at}");
        }
        for text in ["", "plk_", "plk_AA", "plk_\u{0}", &format!("plk_{}", "A".repeat(300))] {
            assert!(unwrap(API_KEY, text).is_none(), "{text}");
        }
    }
}

//! Codes of authenticator apps (RFC 6238): six digits, a new one every 30 seconds.

use aws_lc_rs::hmac;
use jiff::Timestamp;
use kernel::secret::{Secret, equal, random_bytes};
use zeroize::Zeroize;

/// Seconds that a code is shown.
const STEP: i64 = 30;
const DIGITS: usize = 6;
/// 160 bits: as many as the hash has (RFC 4226, section 4, R6).
const SECRET_LENGTH: usize = 20;

/// What an authenticator app and we share.
#[derive(Clone)]
pub struct TotpSecret([u8; SECRET_LENGTH]);

impl TotpSecret {
    pub fn random() -> Self {
        Self(random_bytes())
    }

    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// As people type it into an app that cannot scan.
    pub fn to_base32(&self) -> Secret {
        Secret::new(base32(&self.0))
    }

    /// The step whose code this is: the current one or a neighbour, for clocks that differ and people
    /// who type slowly (RFC 6238, section 5.2). Steps up to `spent` count no more.
    pub fn matching_step(&self, code: &Secret, spent: Option<i64>, now: Timestamp) -> Option<i64> {
        let current = now.as_second().div_euclid(STEP);
        let mut found = None;
        // All three, whatever the first says, so that the time tells nothing.
        for step in [current - 1, current, current + 1] {
            let is_right = equal(self.code_at(step).as_bytes(), code.expose().trim().as_bytes());
            if is_right && spent.is_none_or(|spent| step > spent) {
                found = Some(step);
            }
        }
        found
    }

    /// RFC 4226, section 5.3.
    fn code_at(&self, step: i64) -> String {
        // Apps know no other hash for certain. Collisions, SHA-1's weakness, do not matter to HMAC.
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let at = usize::from(tag[tag.len() - 1] & 0x0f);
        let word = u32::from_be_bytes([tag[at] & 0x7f, tag[at + 1], tag[at + 2], tag[at + 3]]);
        format!("{:0DIGITS$}", word % 1_000_000)
    }
}

impl Drop for TotpSecret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// What an app scans (the "Key Uri Format" that all of them know).
pub fn otpauth_url(product: &str, account: &str, secret: &TotpSecret) -> Secret {
    let (product, account) = (percent(product), percent(account));
    let secret = secret.to_base32();
    Secret::new(format!(
        "otpauth://totp/{product}:{account}?secret={}&issuer={product}\
         &algorithm=SHA1&digits={DIGITS}&period={STEP}",
        secret.expose()
    ))
}

/// Percent-encoding for any part of a URL: apps do not read `+` as a space.
fn percent(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(
            |byte| {
                if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
            },
        )
        .collect()
}

/// RFC 4648, section 6, without padding.
pub fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for group in bytes.chunks(5) {
        let mut word = [0; 8];
        word[3..3 + group.len()].copy_from_slice(group);
        let word = u64::from_be_bytes(word);
        for place in 0..(group.len() * 8).div_ceil(5) {
            let letter = (word >> (35 - 5 * place)) & 0x1f;
            text.push(char::from(ALPHABET[usize::try_from(letter).unwrap_or_default()]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of the test vectors of RFC 6238, appendix B.
    fn known() -> TotpSecret {
        TotpSecret(*b"12345678901234567890")
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn codes_are_those_of_the_rfc() {
        for (second, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(known().code_at(second / STEP), code, "{second}");
        }
    }

    #[test]
    fn a_code_counts_in_its_step_and_the_two_beside_it() {
        let code = Secret::new("081804"); // from 1111111080 on
        let step = Some(1_111_111_080 / STEP);
        let matching = |second| known().matching_step(&code, None, at(second));
        assert_eq!(matching(1_111_111_049), None);
        assert_eq!(matching(1_111_111_050), step);
        assert_eq!(matching(1_111_111_080), step);
        assert_eq!(matching(1_111_111_139), step);
        assert_eq!(matching(1_111_111_140), None);
    }

    #[test]
    fn a_spent_step_and_those_before_it_count_no_more() {
        let code = Secret::new("081804");
        let step = 1_111_111_080 / STEP;
        let matching = |spent| known().matching_step(&code, Some(spent), at(1_111_111_109));
        assert_eq!(matching(step - 1), Some(step));
        assert_eq!(matching(step), None);
        assert_eq!(matching(step + 1), None);
    }

    #[test]
    fn what_is_no_code_matches_nothing() {
        for text in ["", "0", "0818044", "81804", "08180x", "☃☃", "+81804"] {
            let matched = known().matching_step(&Secret::new(text), None, at(1_111_111_109));
            assert_eq!(matched, None, "{text}");
        }
    }

    #[test]
    fn base32_is_that_of_the_rfc() {
        let vectors = [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ];
        for (text, encoded) in vectors {
            assert_eq!(base32(text.as_bytes()), encoded);
        }
    }

    #[test]
    fn the_url_names_product_and_account() {
        let url = otpauth_url("Plinth & Co", "ada@example.org", &known());
        assert_eq!(
            url.expose(),
            "otpauth://totp/Plinth%20%26%20Co:ada%40example.org\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Plinth%20%26%20Co\
             &algorithm=SHA1&digits=6&period=30"
        );
    }
}

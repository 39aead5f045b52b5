//! Recovery codes: what gets somebody in whose device is lost. Each is good once.

use kernel::secret::{Key, Secret, encode, random_bytes};

use crate::{holder::Holder, totp::base32};

/// How many there are at a time.
pub const COUNT: usize = 10;
/// 80 bits: beyond guessing, and 16 letters.
const BYTES: usize = 10;
const LETTERS: usize = 16;

/// A set of codes: what its owner gets to see once, and what is stored.
#[derive(Debug)]
pub struct RecoveryCodes {
    pub shown: Vec<Secret>,
    pub fingerprints: Vec<String>,
}

impl RecoveryCodes {
    pub fn generate(key: &Key, holder: Holder) -> Self {
        let shown: Vec<Secret> = (0..COUNT).map(|_| random_code()).collect();
        let fingerprints = shown.iter().filter_map(|code| fingerprint(key, holder, code)).collect();
        Self { shown, fingerprints }
    }
}

fn random_code() -> Secret {
    let text = base32(&random_bytes::<BYTES>()).to_lowercase();
    let groups: Vec<&str> = (0..LETTERS).step_by(4).map(|at| &text[at..at + 4]).collect();
    Secret::new(groups.join("-"))
}

/// What is stored of a code, however it is typed; `None` for a text that is none. A keyed hash: so
/// many random bits need no slow one (NIST SP 800-63B-4, section 3.1.2.2), and the table alone
/// does not let anybody try.
pub fn fingerprint(key: &Key, holder: Holder, typed: &Secret) -> Option<String> {
    let letters: String = typed
        .expose()
        .chars()
        .filter(|letter| !matches!(letter, '-' | ' '))
        .take(LETTERS + 1)
        .map(|letter| letter.to_ascii_lowercase())
        .collect();
    (letters.len() == LETTERS).then(|| encode(&key.sign(&[&holder.to_bytes(), letters.as_bytes()])))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use kernel::id::{TenantId, UserId};

    use super::*;

    #[test]
    fn a_code_is_known_however_it_is_typed_and_only_for_its_owner() {
        let key = Key::random();
        let holder = Holder { tenant: TenantId::new(), user: UserId::new() };
        let codes = RecoveryCodes::generate(&key, holder);
        assert_eq!(codes.shown.len(), COUNT);
        assert_eq!(codes.fingerprints.iter().collect::<BTreeSet<_>>().len(), COUNT);
        let shown = codes.shown[0].expose();
        assert_eq!(shown.len(), LETTERS + 3);
        let stored = Some(codes.fingerprints[0].clone());
        let of = |text: &str| fingerprint(&key, holder, &Secret::new(text));
        assert_eq!(of(shown), stored);
        assert_eq!(of(&format!(" {} ", shown.to_uppercase().replace('-', " "))), stored);
        let other = Holder { user: UserId::new(), ..holder };
        assert_ne!(fingerprint(&key, other, &codes.shown[0]), stored);
        for text in ["", "abcd", &"a".repeat(17), &"a".repeat(100_000), "☃"] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}

//! Which passwords are good enough (NIST SP 800-63B-4, section 3.1.1): long, and not foreseeable. Nothing
//! is demanded of their composition.

mod predictable;

use kernel::{secret::Secret, text::fold, validate::Invalid};
use unicode_normalization::UnicodeNormalization;

use self::predictable::is_predictable;
use crate::email::Email;

/// Longest password, in code points.
pub const MAX_LENGTH: usize = 128;
/// Longest text that is normalised to become a new password, in bytes: normalising can lengthen a text
/// eighteenfold, and takes time with its length.
const MAX_NEW_BYTES: usize = 4 * MAX_LENGTH;
/// Longest text that is compared with a hash, in bytes. Imported passwords may be longer than new ones.
pub const MAX_CHECKED_BYTES: usize = 1024;
/// Shortest name of an address that a password must not contain; shorter ones occur in many words.
const MIN_NAME: usize = 4;

/// A password that was accepted and waits to be hashed: normalised (NFKC), so that it is the same
/// from every keyboard.
#[derive(Debug, Clone)]
pub struct NewPassword(Secret);

impl NewPassword {
    /// A password that whoever runs the platform chose, and answers for.
    ///
    /// # Errors
    /// `password.too_short` when it is empty, `password.too_long`.
    pub fn chosen_by_operator(password: &Secret) -> Result<Self, Invalid> {
        within(password, 1).map(Self)
    }

    pub fn secret(&self) -> &Secret {
        &self.0
    }
}

/// What is demanded of new passwords.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Shortest password, in code points.
    pub min_length: usize,
}

impl Policy {
    /// Accepts a password for the owner of this address, or says why not.
    ///
    /// # Errors
    /// `password.too_short`, `password.too_long`, `password.contains_email`, `password.too_common`.
    pub fn check(self, password: &Secret, email: Option<&Email>) -> Result<NewPassword, Invalid> {
        let normalised = within(password, self.min_length)?;
        let folded = Secret::new(fold(normalised.expose()));
        let name = email.map(Email::local_part).filter(|name| name.chars().count() >= MIN_NAME);
        if name.is_some_and(|name| folded.expose().contains(name)) {
            return Err(Invalid::new(
                "password.contains_email",
                "must not contain the e-mail name",
            ));
        }
        if is_predictable(folded.expose()) {
            let rule = "must not be a common password, a repetition or a sequence";
            return Err(Invalid::new("password.too_common", rule));
        }
        Ok(NewPassword(normalised))
    }
}

/// The form in which passwords are hashed.
pub fn normalise(password: &Secret) -> Secret {
    Secret::new(password.expose().nfkc().collect::<String>())
}

fn within(password: &Secret, min_length: usize) -> Result<Secret, Invalid> {
    let too_long = || {
        let rule = format!("must have at most {MAX_LENGTH} characters");
        Invalid::new("password.too_long", rule)
    };
    if password.expose().len() > MAX_NEW_BYTES {
        return Err(too_long());
    }
    let normalised = normalise(password);
    let length = normalised.expose().chars().count();
    if length < min_length {
        let rule = format!("must have at least {min_length} characters");
        return Err(Invalid::new("password.too_short", rule));
    }
    if length > MAX_LENGTH {
        return Err(too_long());
    }
    Ok(normalised)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(password: &str) -> Option<&'static str> {
        let email = Email::parse("lovelace@example.org").unwrap();
        let policy = Policy { min_length: 15 };
        policy.check(&Secret::new(password), Some(&email)).err().map(|invalid| invalid.code)
    }

    #[test]
    fn long_and_unforeseeable_is_enough() {
        for password in [
            "correct horse lamp staple",
            "всё могут короли, всё могут",
            "🦀🐢🐙🦑🐌🦋🐞🐝🦂🕷🐜🦗🐛🪲🪰",
            "fifteen chars!!",
            "               x                 y",
            "row, row, row your boat, gently down the stream",
        ] {
            assert_eq!(refusal(password), None, "{password}");
        }
    }

    #[test]
    fn length_counts_code_points_after_normalisation() {
        assert_eq!(refusal("fourteen chars"), Some("password.too_short"));
        assert_eq!(refusal(""), Some("password.too_short"));
        // Fifteen letters with their accents written apart are fifteen; fourteen are not.
        let accents: Vec<_> = "qxwjzkvbymfhgpu".chars().map(|c| format!("{c}e\u{301}")).collect();
        assert_eq!(refusal(&accents[..7].concat()), Some("password.too_short"));
        assert_eq!(refusal(&accents[..8].concat()), None);
        let long: String = ('!'..='~').cycle().step_by(7).take(129).collect();
        assert_eq!(refusal(&long), Some("password.too_long"));
        assert_eq!(refusal(&long[..128]), None);
    }

    #[test]
    fn the_name_of_the_address_is_refused_inside() {
        assert_eq!(refusal("I am LoveLace, hear me"), Some("password.contains_email"));
        let short = Email::parse("ada@example.org").unwrap();
        let policy = Policy { min_length: 15 };
        assert!(policy.check(&Secret::new("canada is a big place"), Some(&short)).is_ok());
    }

    #[test]
    fn what_everybody_tries_first_is_refused() {
        for password in
            ["passwordpassword", "123456789012345", "aaaaaaaaaaaaaaaaaa", "PASSWORD12345678"]
        {
            assert_eq!(refusal(password), Some("password.too_common"), "{password}");
        }
    }

    #[test]
    fn the_same_password_is_the_same_from_every_keyboard() {
        let policy = Policy { min_length: 8 };
        let of = |text: &str| {
            let accepted = policy.check(&Secret::new(text), None).unwrap();
            accepted.secret().expose().to_owned()
        };
        assert_eq!(of("cafe\u{301} solaire"), of("café solaire"));
        assert_ne!(of("Café solaire"), of("café solaire"));
    }
}

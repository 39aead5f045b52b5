use std::fmt;

use kernel::{text::fold, validate::Invalid};
use serde::{Deserialize, Serialize};
use unicode_normalization::char::is_combining_mark;

/// Longest address that mail systems take, in bytes (RFC 5321, section 4.5.3.1, and its erratum 1690).
pub const MAX_LENGTH: usize = 254;

/// An e-mail address: shown and written to as it was given, compared by its normalised form.
///
/// Both forms are stored, so that a newer Unicode table never changes whose address it is.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Email {
    shown: String,
    normalised: String,
}

impl Email {
    /// Takes what can be an address; only a mail to it proves that it is one.
    ///
    /// # Errors
    /// `email.invalid`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let shown = text.trim();
        if shown.len() > MAX_LENGTH || !is_address(shown) {
            return Err(invalid());
        }
        let normalised = fold(shown);
        // Folding can lengthen a text, and bring in spaces.
        if normalised.len() > MAX_LENGTH || !is_address(&normalised) {
            return Err(invalid());
        }
        Ok(Self { shown: shown.to_owned(), normalised })
    }

    /// As it was given.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Equal for any two spellings of one address.
    pub fn normalised(&self) -> &str {
        &self.normalised
    }

    /// What stands before the `@`, normalised.
    pub fn local_part(&self) -> &str {
        self.normalised.split('@').next().unwrap_or_default()
    }
}

impl fmt::Debug for Email {
    /// An address is personal and stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(***)")
    }
}

fn invalid() -> Invalid {
    Invalid::new("email.invalid", "must be an e-mail address such as ada@example.org")
}

fn is_address(text: &str) -> bool {
    match text.split_once('@') {
        Some((local, domain)) => is_local_part(local) && is_domain(domain),
        None => false,
    }
}

/// A dot-atom (RFC 5322, section 3.2.3), with letters of every script (RFC 6531, section 3.3).
fn is_local_part(local: &str) -> bool {
    local.len() <= 64
        && local.split('.').all(|atom| {
            !atom.is_empty()
                && atom.chars().all(|c| is_letter(c) || "!#$%&'*+-/=?^_`{|}~".contains(c))
        })
}

fn is_domain(domain: &str) -> bool {
    let labels: Vec<_> = domain.split('.').collect();
    let is_label = |label: &&str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| is_letter(c) || c == '-')
    };
    // A last label of digits would make it an IP address.
    let ends_in_digits =
        labels.last().is_some_and(|label| label.bytes().all(|b| b.is_ascii_digit()));
    labels.len() >= 2 && labels.iter().all(is_label) && !ends_in_digits
}

/// Visible characters that words are made of. Leaves out spaces, controls, and the invisible and
/// direction-changing characters with which one address is made to look like another.
fn is_letter(c: char) -> bool {
    c.is_alphanumeric() || (!c.is_ascii() && is_combining_mark(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_as_given_and_compared_folded() {
        let email = Email::parse("  Ada.Lovelace+news@Example.ORG ").unwrap();
        assert_eq!(email.shown(), "Ada.Lovelace+news@Example.ORG");
        assert_eq!(email.normalised(), "ada.lovelace+news@example.org");
        assert_eq!(email.local_part(), "ada.lovelace+news");
        for (one, other) in [
            ("ada@example.org", "ADA@EXAMPLE.ORG"),
            ("straße@example.org", "STRASSE@example.org"),
            ("jose\u{301}@example.org", "José@example.org"),
            ("ａda@example.org", "ada@example.org"),
        ] {
            let (one, other) = (Email::parse(one).unwrap(), Email::parse(other).unwrap());
            assert_eq!(one.normalised(), other.normalised());
        }
    }

    #[test]
    fn addresses_of_every_script_are_taken() {
        for text in
            ["user@münchen.de", "用户@例子.广告", "उपयोगकर्ता@उदाहरण.कॉम", "o'neil@example.co.uk"]
        {
            assert!(Email::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long_local = format!("{}@example.org", "a".repeat(65));
        let long = format!("a@{}.org", "b.".repeat(130));
        // Each of these letters becomes eighteen when normalised, some of them spaces.
        let growing = format!("{}@example.org", "\u{fdfa}".repeat(10));
        for text in [
            "",
            " ",
            "@",
            "ada",
            "ada@",
            "@example.org",
            "ada@example",
            "ada@@example.org",
            "a@b@c.org",
            "ada @example.org",
            "ada@exa mple.org",
            "ada\0@example.org",
            "ada\n@example.org",
            ".ada@example.org",
            "ada.@example.org",
            "a..da@example.org",
            "ada@.org",
            "ada@example.",
            "ada@-example.org",
            "ada@example-.org",
            "ada@127.0.0.1",
            "ada@[127.0.0.1]",
            "\"ada\"@example.org",
            "ada<x>@example.org",
            "ada,bob@example.org",
            "ada\u{200b}@example.org",
            "ada\u{202e}@example.org",
            "ada＠example.org",
            &long_local,
            &long,
            &growing,
        ] {
            assert!(Email::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_address_does_not_print() {
        assert!(!format!("{:?}", Email::parse("ada@example.org").unwrap()).contains("ada"));
    }
}

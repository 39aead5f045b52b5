//! What a tenant is called: by people, and in addresses.

use kernel::validate::{Invalid, text};

/// A short name for addresses, unique over the platform: 3 to 63 of `a-z`, `0-9` and `-`, as in a
/// host name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slug(String);

impl Slug {
    /// # Errors
    /// `slug.invalid`
    pub fn parse(slug: &str) -> Result<Self, Invalid> {
        let is_allowed =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_valid = (3..=63).contains(&slug.len())
            && slug.bytes().all(is_allowed)
            && !slug.starts_with('-')
            && !slug.ends_with('-');
        if is_valid {
            Ok(Self(slug.to_owned()))
        } else {
            Err(Invalid::new(
                "slug.invalid",
                "must be 3 to 63 of a-z, 0-9 and -, not beginning or ending with -",
            ))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name that people see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantName(String);

impl TenantName {
    /// # Errors
    /// `text.*`
    pub fn parse(name: &str) -> Result<Self, Invalid> {
        text(name, 1, 100).map(Self)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_slug_is_a_host_name_label() {
        for slug in ["abc", "a-b", "007", "x--y", &"a".repeat(63)] {
            assert!(Slug::parse(slug).is_ok(), "{slug}");
        }
        for slug in
            ["", "ab", "-abc", "abc-", "Abc", "a b", "a.b", "äöü", "a\u{0}b", &"a".repeat(64)]
        {
            assert!(Slug::parse(slug).is_err(), "{slug}");
        }
    }

    proptest! {
        #[test]
        fn every_slug_is_safe_in_a_path(text in "[ -~]{0,70}") {
            if let Ok(slug) = Slug::parse(&text) {
                prop_assert!(slug.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
            }
        }
    }
}

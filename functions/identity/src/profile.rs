//! What a person says about themselves.

use http::{Uri, uri::Scheme};
use kernel::validate::{Invalid, text};
use serde::{Deserialize, Deserializer, Serialize};

/// Longest first or last name, in code points.
pub const MAX_NAME: usize = 100;
/// Longest address of a picture, in bytes.
const MAX_URL: usize = 2048;

/// A first or last name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Name(String);

impl Name {
    /// 1..=100 characters.
    pub fn first(value: &str) -> Result<Self, Invalid> {
        text(value, 1, MAX_NAME).map(Self)
    }

    /// 0..=100 characters: many people have one name only.
    pub fn last(value: &str) -> Result<Self, Invalid> {
        text(value, 0, MAX_NAME).map(Self)
    }

    /// First and last name out of one text: split at the first space.
    pub fn split(value: &str) -> Result<(Self, Self), Invalid> {
        let whole = text(value, 1, 2 * MAX_NAME)?;
        let (first, last) = whole.split_once(' ').unwrap_or((&whole, ""));
        Ok((Self::first(first)?, Self::last(last)?))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A short name, unique within a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Username(String);

impl Username {
    /// # Errors
    /// `username.invalid`.
    pub fn parse(value: &str) -> Result<Self, Invalid> {
        let is_allowed =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
        if (3..=32).contains(&value.len()) && value.bytes().all(is_allowed) {
            return Ok(Self(value.to_owned()));
        }
        let rule = "must be 3 to 32 of the characters a-z, 0-9, dot, underscore and hyphen";
        Err(Invalid::new("username.invalid", rule))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where a person's picture is. Only `https`, so that no page that shows it is weakened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AvatarUrl(String);

impl AvatarUrl {
    /// # Errors
    /// `url.invalid`.
    pub fn parse(value: &str) -> Result<Self, Invalid> {
        let is_plain = value.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b));
        let is_https = |uri: &Uri| {
            let authority = uri.authority().map_or("", |authority| authority.as_str());
            uri.scheme() == Some(&Scheme::HTTPS)
                && uri.host().is_some_and(|host| !host.is_empty())
                && !authority.contains('@')
        };
        let is_url = || value.parse::<Uri>().is_ok_and(|uri| is_https(&uri));
        if value.len() <= MAX_URL && is_plain && is_url() {
            return Ok(Self(value.to_owned()));
        }
        let rule = format!("must be an https URL of at most {MAX_URL} characters");
        Err(Invalid::new("url.invalid", rule))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The profile of a new account.
#[derive(Debug, Clone)]
pub struct Profile {
    pub first_name: Name,
    pub last_name: Name,
    pub username: Option<Username>,
    pub avatar_url: Option<AvatarUrl>,
}

/// What happens to an optional field in a partial update (RFC 7396): absent keeps, `null` clears.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Patch<T> {
    #[default]
    Keep,
    Clear,
    Set(T),
}

impl<T> Patch<T> {
    /// Parses the value that is to be set, if any.
    pub fn parse<U>(
        self,
        parse: impl FnOnce(T) -> Result<U, Invalid>,
    ) -> Result<Patch<U>, Invalid> {
        Ok(match self {
            Self::Keep => Patch::Keep,
            Self::Clear => Patch::Clear,
            Self::Set(value) => Patch::Set(parse(value)?),
        })
    }

    /// The field's value after the update.
    pub fn apply(self, current: Option<T>) -> Option<T> {
        match self {
            Self::Keep => current,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}

/// A partial update of a profile.
#[derive(Debug, Clone, Default)]
pub struct ProfileChange {
    /// Never cleared: everybody has one.
    pub first_name: Patch<Name>,
    pub last_name: Patch<Name>,
    pub username: Patch<Username>,
    pub avatar_url: Patch<AvatarUrl>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_split_at_the_first_space() {
        let split = |text| Name::split(text).map(|(first, last)| (first.0, last.0));
        assert_eq!(split("Ada").unwrap(), ("Ada".to_owned(), String::new()));
        assert_eq!(
            split(" Ada King Lovelace ").unwrap(),
            ("Ada".to_owned(), "King Lovelace".to_owned())
        );
        assert!(split("  ").is_err());
        assert!(split("Ada\0").is_err());
        assert!(split(&"x".repeat(101)).is_err());
    }

    #[test]
    fn only_plain_https_urls_are_pictures() {
        assert!(AvatarUrl::parse("https://example.org/a.png?size=2").is_ok());
        let long = format!("https://example.org/{}", "a".repeat(2048));
        for text in [
            "",
            "http://example.org/a.png",
            "https://",
            "https:///a",
            "javascript:alert(1)",
            "/a.png",
            "https://user@example.org/",
            "https://example.org/a b",
            "https://example.org/\"><script>",
            "https://example.org/\0",
            "data:image/png;base64,AAAA",
            &long,
        ] {
            assert!(AvatarUrl::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_username_is_short_and_plain() {
        assert!(Username::parse("ada.l_0-9").is_ok());
        for text in ["", "ab", "Ada", "a b c", "adá", "a/b/c", &"a".repeat(33)] {
            assert!(Username::parse(text).is_err(), "{text}");
        }
    }
}

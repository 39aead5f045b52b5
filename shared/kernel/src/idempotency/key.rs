use http::{HeaderMap, HeaderName};

use super::KEY_INVALID;
use crate::problem::Problem;

/// The request's header.
pub const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// Says of an answer that it is the stored one.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Longest key.
const MAX_LENGTH: usize = 255;

/// A request's key, without the quotes that it may have come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The key in the headers; `None` when they have none.
    ///
    /// # Errors
    /// [`KEY_INVALID`], also for several keys (the draft, section 2.1).
    pub fn of(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let mut values = headers.get_all(HEADER).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let key = value.to_str().ok().and_then(Self::parse);
        match (key, values.next()) {
            (Some(key), None) => Ok(Some(key)),
            _ => Err(KEY_INVALID
                .problem("send one key of 1 to 255 visible ASCII characters, best a quoted UUID")),
        }
    }

    /// A structured field's string (RFC 9651, section 3.3.3) or, as most clients send it, a bare one.
    fn parse(value: &str) -> Option<Self> {
        let value = value.trim_matches([' ', '\t']);
        let key = match value.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => bare(value)?.to_owned(),
        };
        let is_visible = key.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        ((1..=MAX_LENGTH).contains(&key.len()) && is_visible).then_some(Self(key))
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// The string whose opening quote was taken off. Nothing may follow the closing one.
fn unquote(quoted: &str) -> Option<String> {
    let mut key = String::new();
    let mut characters = quoted.chars();
    loop {
        match characters.next()? {
            '"' => return characters.as_str().is_empty().then_some(key),
            '\\' => key.push(characters.next().filter(|next| matches!(next, '"' | '\\'))?),
            other => key.push(other),
        }
    }
}

/// No comma: gateways join repeated header lines with one, and which of the two was meant?
fn bare(value: &str) -> Option<&str> {
    (!value.contains(['"', '\\', ',', ' '])).then_some(value)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn parse(value: &str) -> Option<String> {
        IdempotencyKey::parse(value).map(|key| key.0)
    }

    #[test]
    fn quoted_and_bare_are_the_same_key() {
        assert_eq!(parse("\"8e03978e-40d5\"").as_deref(), Some("8e03978e-40d5"));
        assert_eq!(parse("8e03978e-40d5").as_deref(), Some("8e03978e-40d5"));
        assert_eq!(parse(" \t\"x\" ").as_deref(), Some("x"));
        assert_eq!(parse(r#""a \"b\" \\c""#).as_deref(), Some(r#"a "b" \c"#));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let long = "x".repeat(256);
        for value in [
            "",
            "\"\"",
            "\"",
            "\"x",
            "x\"",
            "\"x\\\"",
            "\"x\\y\"",
            "a,b",
            "\"a\",\"b\"",
            "\"a\";p=1",
            "a b",
            "é",
            "\"\u{7f}\"",
            &long,
        ] {
            assert_eq!(parse(value), None, "{value:?}");
        }
        assert!(parse(&long[1..]).is_some());
    }

    #[test]
    fn one_key_is_taken_and_two_are_not() {
        let mut headers = HeaderMap::new();
        assert_eq!(IdempotencyKey::of(&headers).unwrap(), None);
        headers.append(HEADER, HeaderValue::from_static("a"));
        assert!(IdempotencyKey::of(&headers).unwrap().is_some());
        headers.append(HEADER, HeaderValue::from_static("a"));
        assert_eq!(IdempotencyKey::of(&headers).unwrap_err().kind(), KEY_INVALID);
        let binary = HeaderMap::from_iter([(HEADER, HeaderValue::from_bytes(b"\xff").unwrap())]);
        assert_eq!(IdempotencyKey::of(&binary).unwrap_err().kind(), KEY_INVALID);
    }

    proptest! {
        #[test]
        fn every_string_comes_back_from_its_quotes(key in "[ -~]{1,255}") {
            let escaped = key.replace('\\', "\\\\").replace('"', "\\\"");
            prop_assert_eq!(parse(&format!("\"{escaped}\"")), Some(key));
        }

        #[test]
        fn every_key_is_within_bounds(value in "\\PC{0,300}") {
            if let Some(key) = parse(&value) {
                prop_assert!((1..=MAX_LENGTH).contains(&key.len()));
                prop_assert!(key.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            }
        }
    }
}

//! Where the browser goes when a sign-in is over.

use kernel::{outgoing::Url, validate::Invalid};
use serde::{Deserialize, Serialize};

/// Longest address, in bytes: it travels inside `state`, which travels in addresses.
const MAX_LENGTH: usize = 512;

/// An address of one of the applications that people may be sent back to. There is no other way to make
/// one than [`ReturnOrigins::parse`], or out of a sealed state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReturnTo(String);

impl ReturnTo {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same address, telling the application what went wrong.
    pub fn with_error(&self, code: &str) -> String {
        match Url::parse(&self.0) {
            Ok(mut url) => {
                url.query_pairs_mut().append_pair("error", code);
                url.into()
            }
            Err(_) => self.0.clone(),
        }
    }
}

/// The origins of those applications (RFC 6454).
#[derive(Debug, Clone, Default)]
pub struct ReturnOrigins(Vec<String>);

impl ReturnOrigins {
    /// # Errors
    /// The one that is no origin.
    pub fn new(origins: &[String]) -> Result<Self, String> {
        let parsed = origins.iter().map(|text| {
            let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
            let origin = url.map(|url| url.origin().ascii_serialization());
            let is_bare = |origin: &String| text.trim_end_matches('/') == origin;
            origin
                .filter(is_bare)
                .ok_or_else(|| format!("`{text}` is no origin such as https://app.example.org"))
        });
        parsed.collect::<Result<_, _>>().map(Self)
    }

    /// Takes an address of these origins, as browsers understand it (WHATWG URL), so that nothing which
    /// only looks like one of them passes.
    ///
    /// # Errors
    /// `return_to.not_allowed`.
    pub fn parse(&self, text: &str) -> Result<ReturnTo, Invalid> {
        let refused = || {
            let rule =
                "must be at most 512 bytes long and lead to an application that is configured";
            Invalid::new("return_to.not_allowed", rule)
        };
        let url = Url::parse(text).map_err(|_| refused())?;
        let has_credentials = !url.username().is_empty() || url.password().is_some();
        let is_known = self.0.contains(&url.origin().ascii_serialization());
        if text.len() > MAX_LENGTH
            || url.as_str().len() > MAX_LENGTH
            || has_credentials
            || !is_known
        {
            return Err(refused());
        }
        Ok(ReturnTo(url.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins() -> ReturnOrigins {
        let texts = ["https://app.example.org", "http://localhost:3000/"].map(str::to_owned);
        ReturnOrigins::new(&texts).unwrap()
    }

    #[test]
    fn only_addresses_of_the_configured_origins_are_returned_to() {
        for text in [
            "https://app.example.org",
            "https://APP.example.org:443/a?b=c#d",
            "http://localhost:3000/x",
        ] {
            assert!(origins().parse(text).is_ok(), "{text}");
        }
        let long = format!("https://app.example.org/{}", "a".repeat(512));
        for text in [
            "",
            "/",
            "//app.example.org",
            "https://evil.example.org",
            "https://app.example.org.evil.org",
            "https://app.example.org@evil.org",
            "https://evil.org\\@app.example.org",
            "https://user@app.example.org",
            "https://app.example.org:8443",
            "http://app.example.org",
            "http://localhost:3001",
            "javascript:alert(1)//https://app.example.org",
            "data:text/html,x",
            "https:app.example.org.evil.org",
            &long,
        ] {
            assert!(origins().parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_returned_to_is_what_was_checked() {
        let parsed = origins().parse("https:\\\\app.example.org\\a\tb\r\n").unwrap();
        assert_eq!(parsed.as_str(), "https://app.example.org/ab");
        let parsed = origins().parse("https://app.example.org/a?x=1#top").unwrap();
        assert_eq!(
            parsed.with_error("auth.federation_denied"),
            "https://app.example.org/a?x=1&error=auth.federation_denied#top"
        );
    }

    #[test]
    fn a_setting_that_is_no_origin_is_a_mistake() {
        for text in ["*", "app.example.org", "https://app.example.org/path", "data:x", ""] {
            assert!(ReturnOrigins::new(&[text.to_owned()]).is_err(), "{text}");
        }
    }
}

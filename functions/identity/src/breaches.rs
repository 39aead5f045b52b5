//! Passwords that are known from breaches, by the range API of Have I Been Pwned, version 3, or any other
//! that speaks it. Only the first five characters of a hash leave the house, and the answer is padded: neither
//! the service nor who watches the line learns which password was asked about.

use std::{net::IpAddr, time::Duration};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use kernel::secret::Secret;
use reqwest::{Client, Url, redirect::Policy};

use crate::password::NewPassword;

/// People wait for it.
const PATIENCE: Duration = Duration::from_millis(1500);
/// Longest answer that is read, in bytes; a padded one has some 60,000.
const MAX_ANSWER: usize = 1 << 20;
/// How many characters of the hash are sent.
const PREFIX: usize = 5;

/// Asks the API, when there is one to ask.
#[derive(Debug, Clone)]
pub struct Breaches(Option<RangeApi>);

#[derive(Debug, Clone)]
struct RangeApi {
    base: Url,
    client: Client,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum RangeError {
    #[error(transparent)]
    Http(reqwest::Error),
    #[error("the answer is too long")]
    TooLong,
}

impl From<reqwest::Error> for RangeError {
    /// Leaves the address out, whose last part belongs to a password.
    fn from(error: reqwest::Error) -> Self {
        Self::Http(error.without_url())
    }
}

impl Breaches {
    /// The API at this address; with an empty one, nothing is asked.
    ///
    /// # Errors
    /// When it is no address, or one to which the question would travel in the open.
    pub fn at(address: &str) -> Result<Self, String> {
        if address.is_empty() {
            return Ok(Self(None));
        }
        let base = Url::parse(&format!("{}/", address.trim_end_matches('/')));
        let base = base.map_err(|error| format!("is no address: {error}"))?;
        if base.scheme() != "https" && !(base.scheme() == "http" && is_loopback(&base)) {
            return Err("must begin with https://".to_owned());
        }
        let client = Client::builder()
            .timeout(PATIENCE)
            .redirect(Policy::none())
            .user_agent(concat!("plinth/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("cannot be asked: {error}"))?;
        Ok(Self(Some(RangeApi { base, client })))
    }

    /// Whether the password is known from a breach. While nobody can say, it is taken for a good one: a
    /// service of others must not decide whether people can register.
    pub async fn know(&self, password: &NewPassword) -> bool {
        let Some(api) = &self.0 else { return false };
        let (is_known, outcome) = match api.knows(password.secret()).await {
            Ok(true) => (true, "breached"),
            Ok(false) => (false, "unknown"),
            Err(error) => {
                tracing::warn!(%error, "known breaches could not be asked about a password");
                (false, "unavailable")
            }
        };
        metrics::counter!("password_breach_checks_total", "outcome" => outcome).increment(1);
        is_known
    }
}

impl RangeApi {
    async fn knows(&self, password: &Secret) -> Result<bool, RangeError> {
        let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, password.expose().as_bytes());
        let hash = hexadecimal(hash.as_ref());
        let (prefix, suffix) = hash.split_at(PREFIX);
        let mut address = self.base.clone();
        if let Ok(mut path) = address.path_segments_mut() {
            path.pop_if_empty().extend(["range", prefix]);
        }
        let request = self.client.get(address).header("Add-Padding", "true");
        let mut response = request.send().await?.error_for_status()?;
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            answer.extend_from_slice(&chunk);
            if answer.len() > MAX_ANSWER {
                return Err(RangeError::TooLong);
            }
        }
        Ok(is_listed(&String::from_utf8_lossy(&answer), suffix))
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789ABCDEF"[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Whether the rest of a hash is on the list. What was seen zero times is padding.
fn is_listed(list: &str, suffix: &str) -> bool {
    let mut entries = list.lines().filter_map(|line| line.trim().split_once(':'));
    entries.any(|(known, count)| known.eq_ignore_ascii_case(suffix) && count != "0")
}

fn is_loopback(address: &Url) -> bool {
    let host = address.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_safe_address_is_asked() {
        for address in ["", "https://api.example.org", "http://127.0.0.1:8080", "http://[::1]/x/"] {
            assert!(Breaches::at(address).is_ok(), "{address}");
        }
        for address in ["http://api.example.org", "ftp://127.0.0.1", "api.example.org", "https://"]
        {
            assert!(Breaches::at(address).is_err(), "{address}");
        }
    }

    #[test]
    fn padding_is_no_entry() {
        let list =
            "0018A45C4D1DEF81644B54AB7F969B88D65:1\r\n00D4F6E8FA6EECAD2A3AA415EEC418D38EC:0\r\n";
        assert!(is_listed(list, "0018A45C4D1DEF81644B54AB7F969B88D65"));
        assert!(!is_listed(list, "00D4F6E8FA6EECAD2A3AA415EEC418D38EC"));
        assert!(!is_listed(list, ""));
    }
}

//! A sign-in that is under way at a provider.
//!
//! Nothing of it is stored until it comes back. `state` carries it, sealed; the browser that began has a
//! cookie, and only the two together are good for anything: nonce and code verifier are derived from
//! both. So a link that somebody else prepared signs nobody in (login CSRF; RFC 9700, section 4.7), an
//! intercepted code is useless, and a thousand beginnings cost no write.

use jiff::{SignedDuration, Timestamp};
use kernel::{
    id::{ProviderId, TenantId},
    secret::{Key, Secret, encode, equal, fingerprint, random_bytes, random_token},
};
use serde::{Deserialize, Serialize};

use super::{
    provider::{Provider, ProviderSlug},
    return_to::ReturnTo,
    sealing::{Sealed, Sealer},
};

/// How long somebody may take to sign in at the provider.
pub const LIFETIME: SignedDuration = SignedDuration::from_mins(10);
/// What states are sealed for.
const PLACE: &str = "state";
/// Longest state that is looked at: what we make is well below.
const MAX_STATE: usize = 2048;
/// A browser's key: 256 bits in base64url.
const BROWSER_LENGTH: usize = 43;

/// A sign-in under way. Short names, because it travels in addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    #[serde(rename = "i")]
    id: String,
    #[serde(rename = "t")]
    pub tenant_id: TenantId,
    #[serde(rename = "p")]
    pub provider_id: ProviderId,
    #[serde(rename = "s")]
    pub slug: ProviderSlug,
    /// Fingerprint of the key of the browser that began.
    #[serde(rename = "b")]
    browser: String,
    #[serde(rename = "e", with = "jiff::fmt::serde::timestamp::second::required")]
    pub expires_at: Timestamp,
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub return_to: Option<ReturnTo>,
}

impl Attempt {
    /// What is stored of it when it comes back, so that it does so once.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.id)
    }

    /// The part of the callback's address that names the provider: another one for each, so that one
    /// provider's answer is never taken for another's (mix-up; RFC 9700, section 4.4.2.2).
    pub fn callback_name(&self) -> String {
        callback_name(self.tenant_id, &self.slug)
    }
}

/// See [`Attempt::callback_name`]. Slugs have no dots.
pub fn callback_name(tenant: TenantId, slug: &ProviderSlug) -> String {
    format!("{tenant}.{}", slug.as_str())
}

/// What only the browser that began and this service together know.
#[derive(Debug)]
pub struct Secrets {
    /// Comes back inside the id token (OpenID Connect Core 1.0, section 15.5.2).
    pub nonce: String,
    /// RFC 7636.
    pub code_verifier: Secret,
}

/// A sign-in that begins.
#[derive(Debug)]
pub struct Beginning {
    pub state: Sealed,
    pub secrets: Secrets,
    /// What the browser has to keep.
    pub browser: Secret,
}

/// Begins sign-ins, and knows them again.
#[derive(Debug)]
pub struct Attempts {
    sealer: Sealer,
    secrets: Key,
}

impl Attempts {
    pub fn new(key: &Key) -> Self {
        Self { sealer: Sealer::new(key.derive("state")), secrets: key.derive("attempt") }
    }

    /// Begins a sign-in. A browser that has a key keeps it, so that two tabs do not disturb each other.
    pub fn begin(
        &self,
        tenant: TenantId,
        provider: &Provider,
        return_to: Option<ReturnTo>,
        browser: Option<Secret>,
        now: Timestamp,
    ) -> Beginning {
        let is_key = |key: &Secret| {
            let is_base64url = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
            key.expose().len() == BROWSER_LENGTH && key.expose().bytes().all(is_base64url)
        };
        let browser = browser.filter(is_key).unwrap_or_else(random_token);
        let attempt = Attempt {
            id: encode(&random_bytes::<16>()),
            tenant_id: tenant,
            provider_id: provider.id,
            slug: provider.slug.clone(),
            browser: fingerprint(browser.expose()),
            expires_at: now.saturating_add(LIFETIME).unwrap_or(now),
            return_to,
        };
        let text = serde_json::to_string(&attempt).expect("an attempt serialises");
        let state = self.sealer.seal(PLACE, &text);
        Beginning { state, secrets: self.secrets(&attempt, &browser), browser }
    }

    /// The attempt behind a state, if it was made here, is not too old, and belongs to this browser.
    /// Whether it has come back before is for the store to say.
    pub fn open(
        &self,
        state: &str,
        browser: Option<&Secret>,
        now: Timestamp,
    ) -> Option<(Attempt, Secrets)> {
        if state.len() > MAX_STATE {
            return None;
        }
        let text = self.sealer.open(PLACE, &Sealed::new(state))?;
        let attempt: Attempt = serde_json::from_str(text.expose()).ok()?;
        let browser = browser?;
        let is_own = equal(fingerprint(browser.expose()).as_bytes(), attempt.browser.as_bytes());
        let secrets = self.secrets(&attempt, browser);
        (is_own && now < attempt.expires_at).then_some((attempt, secrets))
    }

    fn secrets(&self, attempt: &Attempt, browser: &Secret) -> Secrets {
        let derive = |purpose: &[u8]| {
            let parts = [purpose, attempt.id.as_bytes(), browser.expose().as_bytes()];
            encode(&self.secrets.sign(&parts))
        };
        Secrets { nonce: derive(b"nonce"), code_verifier: Secret::new(derive(b"verifier")) }
    }
}

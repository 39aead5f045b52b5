//! A tenant's identity provider, as its administrators set it up.

mod fields;

use jiff::Timestamp;
use kernel::{id::ProviderId, secret::Secret, text::fold};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::fields::{
    Issuer, ProviderSlug, parse_client_id, parse_client_secret, parse_domains, parse_issuer,
    parse_name, parse_roles, parse_scopes,
};
use super::sealing::Sealed;

/// What kind of provider it is, which says what may be believed of its answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// Any OpenID provider.
    #[default]
    Generic,
    Google,
    /// Microsoft Entra ID, of one directory.
    Microsoft,
    /// GitHub, or a GitHub Enterprise Server: OAuth 2 without OpenID Connect.
    Github,
}

impl Preset {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Google => "google",
            Self::Microsoft => "microsoft",
            Self::Github => "github",
        }
    }

    fn default_issuer(self) -> Option<&'static str> {
        match self {
            Self::Google => Some("https://accounts.google.com"),
            Self::Github => Some("https://github.com"),
            Self::Generic | Self::Microsoft => None,
        }
    }

    fn default_scopes(self) -> &'static [&'static str] {
        match self {
            Self::Github => &["read:user", "user:email"],
            Self::Generic | Self::Google | Self::Microsoft => &["openid", "email", "profile"],
        }
    }
}

/// A provider.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Provider {
    pub id: ProviderId,
    /// Fixed, as preset and issuer are: the links of people are made to the issuer, and its answers come
    /// back to an address with the slug.
    pub slug: ProviderSlug,
    pub preset: Preset,
    pub issuer: Issuer,
    #[serde(flatten)]
    pub settings: ProviderSettings,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub version: u64,
}

/// What of a provider can be changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderSettings {
    pub name: String,
    pub client_id: String,
    /// Absent for public clients, which prove nothing but their code challenge.
    pub client_secret: Option<Sealed>,
    pub scopes: Vec<String>,
    pub is_enabled: bool,
    /// Only addresses of these domains sign in; any, when empty.
    pub allowed_domains: Vec<String>,
    /// Whether people without an account get one.
    pub creates_users: bool,
    /// The roles of people who get an account; those of everybody, when empty.
    pub default_roles: Vec<String>,
}

impl Provider {
    /// Whether somebody with this proven address may come in by this provider.
    pub fn admits(&self, email: Option<&str>) -> bool {
        let domains = &self.settings.allowed_domains;
        let domain = email.and_then(|email| email.rsplit_once('@')).map(|(_, domain)| fold(domain));
        domains.is_empty() || domain.is_some_and(|domain| domains.contains(&domain))
    }
}

/// A provider that shall be there.
#[derive(Debug)]
pub struct NewProvider {
    pub slug: ProviderSlug,
    pub preset: Preset,
    pub issuer: Issuer,
    pub name: String,
    pub client_id: String,
    pub client_secret: Option<Secret>,
    pub scopes: Vec<String>,
    pub is_enabled: bool,
    pub allowed_domains: Vec<String>,
    pub creates_users: bool,
    pub default_roles: Vec<String>,
}

/// What shall be different about a provider.
#[derive(Debug, Default)]
pub struct ProviderPatch {
    pub name: Option<String>,
    pub client_id: Option<String>,
    pub client_secret: Option<Secret>,
    pub scopes: Option<Vec<String>>,
    pub is_enabled: Option<bool>,
    pub allowed_domains: Option<Vec<String>>,
    pub creates_users: Option<bool>,
    pub default_roles: Option<Vec<String>>,
}

impl ProviderPatch {
    /// The settings after the change, and the names of the fields that differ. A secret that is given
    /// counts as new: it cannot be compared without being opened.
    pub fn apply(
        self,
        before: &ProviderSettings,
        seal: impl FnOnce(&Secret) -> Sealed,
    ) -> (ProviderSettings, Vec<String>) {
        let before = before.clone();
        let after = ProviderSettings {
            name: self.name.unwrap_or_else(|| before.name.clone()),
            client_id: self.client_id.unwrap_or_else(|| before.client_id.clone()),
            client_secret: self
                .client_secret
                .map_or_else(|| before.client_secret.clone(), |secret| Some(seal(&secret))),
            scopes: self.scopes.unwrap_or_else(|| before.scopes.clone()),
            is_enabled: self.is_enabled.unwrap_or(before.is_enabled),
            allowed_domains: self.allowed_domains.unwrap_or_else(|| before.allowed_domains.clone()),
            creates_users: self.creates_users.unwrap_or(before.creates_users),
            default_roles: self.default_roles.unwrap_or_else(|| before.default_roles.clone()),
        };
        let fields = [
            ("name", after.name != before.name),
            ("client_id", after.client_id != before.client_id),
            ("client_secret", after.client_secret != before.client_secret),
            ("scopes", after.scopes != before.scopes),
            ("enabled", after.is_enabled != before.is_enabled),
            ("allowed_domains", after.allowed_domains != before.allowed_domains),
            ("create_users", after.creates_users != before.creates_users),
            ("default_roles", after.default_roles != before.default_roles),
        ];
        let changed = fields.into_iter().filter(|(_, is_changed)| *is_changed);
        let changed = changed.map(|(name, _)| name.to_owned()).collect();
        (after, changed)
    }
}

//! What requests and answers about providers look like.

use jiff::Timestamp;
use kernel::{
    id::ProviderId, outgoing::Reach, page::Limit, problem::Problem, secret::Secret,
    validate::Violations,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::federation::provider::{
    NewProvider, Preset, Provider, ProviderPatch, ProviderSettings, ProviderSlug, parse_client_id,
    parse_client_secret, parse_domains, parse_issuer, parse_name, parse_roles, parse_scopes,
};

/// An identity provider of a tenant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IdentityProvider)]
pub struct ProviderView {
    pub id: ProviderId,
    #[schema(example = "okta")]
    slug: String,
    #[schema(example = "Okta")]
    name: String,
    #[schema(inline)]
    preset: Preset,
    #[schema(example = "https://demo.okta.com")]
    issuer: String,
    #[schema(example = "0oa1b2c3d4")]
    client_id: String,
    /// Whether one is stored. It is never shown.
    has_client_secret: bool,
    #[schema(example = json!(["openid", "email", "profile"]))]
    scopes: Vec<String>,
    enabled: bool,
    #[schema(example = json!(["example.org"]))]
    allowed_domains: Vec<String>,
    create_users: bool,
    #[schema(example = json!(["member"]))]
    default_roles: Vec<String>,
    /// To be registered at the provider.
    #[schema(
        example = "https://api.example.org/api/v1/auth/oidc/0198f2d6-6f5c-7a51-b7a4-2c5e2f1f5d11.okta/callback"
    )]
    callback_url: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    pub version: u64,
}

impl ProviderView {
    pub fn new(provider: Provider, callback_url: String) -> Self {
        let Provider { id, slug, preset, issuer, settings, created_at, updated_at, version } =
            provider;
        let ProviderSettings {
            name,
            client_id,
            client_secret,
            scopes,
            is_enabled,
            allowed_domains,
            creates_users,
            default_roles,
        } = settings;
        Self {
            id,
            slug: slug.as_str().to_owned(),
            name,
            preset,
            issuer: issuer.as_str().to_owned(),
            client_id,
            has_client_secret: client_secret.is_some(),
            scopes,
            enabled: is_enabled,
            allowed_domains,
            create_users: creates_users,
            default_roles,
            callback_url,
            created_at,
            updated_at,
            version,
        }
    }
}

/// A provider to be set up.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateProvider {
    /// Its name in addresses; stays.
    #[schema(
        min_length = 2,
        max_length = 32,
        pattern = "^[a-z0-9][a-z0-9-]*[a-z0-9]$",
        example = "okta"
    )]
    slug: String,
    /// For people.
    #[schema(min_length = 1, max_length = 100, example = "Okta")]
    name: String,
    /// What kind of provider it is; stays.
    #[serde(default)]
    #[schema(inline)]
    preset: Preset,
    /// Who it says it is; stays. Not needed for `google` and, unless it is a server of your own, `github`.
    #[schema(max_length = 255, example = "https://demo.okta.com")]
    issuer: Option<String>,
    #[schema(min_length = 1, max_length = 255, example = "0oa1b2c3d4")]
    client_id: String,
    /// Stored encrypted, and never shown again. Without one the client is a public one.
    #[schema(min_length = 1, max_length = 2048, example = "a-secret-of-the-provider")]
    client_secret: Option<Secret>,
    /// What the preset needs, when absent.
    #[schema(max_items = 50, example = json!(["openid", "email", "profile"]))]
    scopes: Option<Vec<String>>,
    #[serde(default = "yes")]
    #[schema(default = true)]
    enabled: bool,
    /// Only proven addresses of these domains come in; any, when empty.
    #[serde(default)]
    #[schema(max_items = 50, example = json!(["example.org"]))]
    allowed_domains: Vec<String>,
    /// Whether people without an account get one when they first come.
    #[serde(default)]
    create_users: bool,
    /// Names or ids of the roles that they get; those of everybody, when empty. Never `owner`.
    #[serde(default)]
    #[schema(max_items = 50, example = json!(["member"]))]
    default_roles: Vec<String>,
}

fn yes() -> bool {
    true
}

impl CreateProvider {
    pub fn parse(self, reach: Reach) -> Result<NewProvider, Problem> {
        let Self {
            slug,
            name,
            preset,
            issuer,
            client_id,
            client_secret,
            scopes,
            enabled,
            allowed_domains,
            create_users,
            default_roles,
        } = self;
        let mut violations = Violations::default();
        let slug = violations.field("/slug", ProviderSlug::parse(&slug));
        let name = violations.field("/name", parse_name(&name));
        let issuer = violations.field("/issuer", parse_issuer(issuer.as_deref(), preset, reach));
        let client_id = violations.field("/client_id", parse_client_id(&client_id));
        let client_secret = client_secret
            .and_then(|secret| violations.field("/client_secret", parse_client_secret(secret)));
        let scopes = violations.field("/scopes", parse_scopes(scopes, preset));
        let domains = violations.field("/allowed_domains", parse_domains(&allowed_domains));
        let roles = violations.field("/default_roles", parse_roles(default_roles));
        violations.finish()?;
        let texts = slug.zip(name).zip(issuer.zip(client_id));
        let lists = scopes.zip(domains).zip(roles);
        let (((slug, name), (issuer, client_id)), ((scopes, allowed_domains), default_roles)) =
            texts.zip(lists).expect("what is missing is a violation");
        Ok(NewProvider {
            slug,
            preset,
            issuer,
            name,
            client_id,
            client_secret,
            scopes,
            is_enabled: enabled,
            allowed_domains,
            creates_users: create_users,
            default_roles,
        })
    }
}

/// What shall be different about a provider. What is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateProvider {
    #[schema(min_length = 1, max_length = 100, example = "Okta")]
    name: Option<String>,
    #[schema(min_length = 1, max_length = 255, example = "0oa1b2c3d4")]
    client_id: Option<String>,
    #[schema(min_length = 1, max_length = 2048, example = "another-secret")]
    client_secret: Option<Secret>,
    #[schema(max_items = 50, example = json!(["openid", "email", "profile"]))]
    scopes: Option<Vec<String>>,
    enabled: Option<bool>,
    #[schema(max_items = 50, example = json!(["example.org"]))]
    allowed_domains: Option<Vec<String>>,
    create_users: Option<bool>,
    #[schema(max_items = 50, example = json!(["member"]))]
    default_roles: Option<Vec<String>>,
}

impl UpdateProvider {
    pub fn parse(self, preset: Preset) -> Result<ProviderPatch, Problem> {
        let Self {
            name,
            client_id,
            client_secret,
            scopes,
            enabled,
            allowed_domains,
            create_users,
            default_roles,
        } = self;
        let mut violations = Violations::default();
        let name = name.and_then(|name| violations.field("/name", parse_name(&name)));
        let client_id =
            client_id.and_then(|id| violations.field("/client_id", parse_client_id(&id)));
        let client_secret = client_secret
            .and_then(|secret| violations.field("/client_secret", parse_client_secret(secret)));
        let scopes = scopes
            .and_then(|scopes| violations.field("/scopes", parse_scopes(Some(scopes), preset)));
        let allowed_domains = allowed_domains
            .and_then(|domains| violations.field("/allowed_domains", parse_domains(&domains)));
        let default_roles =
            default_roles.and_then(|roles| violations.field("/default_roles", parse_roles(roles)));
        violations.finish()?;
        Ok(ProviderPatch {
            name,
            client_id,
            client_secret,
            scopes,
            is_enabled: enabled,
            allowed_domains,
            creates_users: create_users,
            default_roles,
        })
    }
}

/// How to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListProviders {
    /// Items per page.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 20)]
    pub limit: Limit,
    /// The `next_cursor` of the page before.
    #[param(max_length = 2048)]
    pub cursor: Option<String>,
}

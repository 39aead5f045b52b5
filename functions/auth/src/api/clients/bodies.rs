//! What requests and answers about service clients look like.

use jiff::Timestamp;
use kernel::{
    id::{ClientId, ClientSecretId},
    page::Limit,
    problem::Problem,
    secret::Secret,
    validate::Violations,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    client::{Client, ClientName, ClientPatch, ClientSecret, Description, NewClient, Overlap},
    scopes,
};

/// A service client to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateClientBody {
    #[schema(min_length = 1, max_length = 100, example = "Nightly importer")]
    name: String,
    #[serde(default)]
    #[schema(max_length = 500, example = "Brings new people over from the directory.")]
    description: String,
    /// Codes of permissions that the caller holds.
    #[schema(max_items = 1000, example = json!(["role.read"]))]
    scopes: Vec<String>,
}

/// What shall be different about a service client. What is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateClientBody {
    #[schema(min_length = 1, max_length = 100, example = "Nightly importer")]
    name: Option<String>,
    #[schema(max_length = 500, example = "Brings new people over from the directory.")]
    description: Option<String>,
    #[schema(max_items = 1000, example = json!(["role.read"]))]
    scopes: Option<Vec<String>>,
    /// A disabled one gets no tokens, and those that it has stop working.
    is_enabled: Option<bool>,
}

/// How a secret is replaced.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateSecretBody {
    /// How long the secret before goes on working; 0 ends it at once.
    #[serde(default = "one_day")]
    #[schema(minimum = 0, maximum = 2_592_000, default = 86_400, example = 86_400)]
    overlap_seconds: i64,
}

fn one_day() -> i64 {
    86_400
}

/// How to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListClients {
    /// Items per page.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 20)]
    pub limit: Limit,
    /// The `next_cursor` of the page before.
    #[param(max_length = 2048)]
    pub cursor: Option<String>,
}

/// A machine that acts for the tenant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ServiceClient)]
pub struct ClientView {
    /// The `client_id` in OAuth's words.
    id: ClientId,
    #[schema(example = "Nightly importer")]
    name: String,
    #[schema(example = "Brings new people over from the directory.")]
    description: String,
    /// Codes, sorted.
    #[schema(example = json!(["role.read"]))]
    scopes: Vec<String>,
    is_enabled: bool,
    /// Those that work now, the newest first.
    #[schema(max_items = 2)]
    secrets: Vec<ClientSecretView>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    version: u64,
}

/// What is told about a secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ClientSecret)]
pub struct ClientSecretView {
    id: ClientSecretId,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// `null` for the newest, which works until it is replaced.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    expires_at: Option<Timestamp>,
}

/// A service client with a secret that is shown this once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ServiceClientWithSecret)]
pub struct ClientWithSecret {
    #[serde(flatten)]
    client: ClientView,
    /// Keep it: nobody can show it again.
    client_secret: Secret,
}

impl ClientView {
    pub fn new(client: Client, now: Timestamp) -> Self {
        let secrets = client.living_secrets(now).map(ClientSecretView::from).collect();
        let Client {
            id,
            tenant_id: _,
            name,
            description,
            scopes,
            is_enabled,
            secrets: _,
            created_at,
            updated_at,
            version,
            deleted_at: _,
        } = client;
        let scopes = scopes.into_iter().collect();
        Self { id, name, description, scopes, is_enabled, secrets, created_at, updated_at, version }
    }
}

impl ClientWithSecret {
    pub fn new(client: Client, client_secret: Secret, now: Timestamp) -> Self {
        Self { client: ClientView::new(client, now), client_secret }
    }
}

impl From<&ClientSecret> for ClientSecretView {
    fn from(secret: &ClientSecret) -> Self {
        let ClientSecret { id, fingerprint: _, created_at, expires_at } = secret;
        Self { id: *id, created_at: *created_at, expires_at: *expires_at }
    }
}

impl CreateClientBody {
    pub fn parse(self) -> Result<NewClient, Problem> {
        let Self { name, description, scopes } = self;
        let mut violations = Violations::default();
        let name = violations.field("/name", ClientName::parse(&name));
        let description = violations.field("/description", Description::parse(&description));
        let scopes = scopes::parse(&scopes, &mut violations);
        violations.finish()?;
        let (name, description) = name.zip(description).expect("what is missing is a violation");
        Ok(NewClient { name, description, scopes })
    }
}

impl UpdateClientBody {
    pub fn parse(self) -> Result<ClientPatch, Problem> {
        let Self { name, description, scopes, is_enabled } = self;
        let mut violations = Violations::default();
        let name = name.and_then(|text| violations.field("/name", ClientName::parse(&text)));
        let description = description
            .and_then(|text| violations.field("/description", Description::parse(&text)));
        let scopes = scopes.map(|codes| scopes::parse(&codes, &mut violations));
        violations.finish()?;
        Ok(ClientPatch { name, description, scopes, is_enabled })
    }
}

impl RotateSecretBody {
    pub fn parse(self) -> Result<Overlap, Problem> {
        let Self { overlap_seconds } = self;
        Overlap::parse(overlap_seconds).map_err(|invalid| invalid.at("/overlap_seconds"))
    }
}

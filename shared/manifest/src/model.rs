//! What a `module.yaml` says. Unknown fields are refused, every list may be left out.

use std::collections::{BTreeMap, BTreeSet};

use semver::{Version, VersionReq};
use serde::Deserialize;
use serde_json::Value;

/// One module.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The name of the module, its folder and its table.
    pub name: String,
    /// The version that dependents match with their ranges.
    pub version: Version,
    /// What the module is for, in one line.
    pub description: String,
    /// The modules it needs, and which versions of them.
    #[serde(default)]
    pub dependencies: BTreeMap<String, VersionReq>,
    /// The permissions it defines.
    #[serde(default)]
    pub permissions: Vec<Permission>,
    /// What the gateway sends to it.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// What it announces and listens to.
    #[serde(default)]
    pub events: Events,
    /// The work it does in the background.
    #[serde(default)]
    pub jobs: Vec<Job>,
    /// When it does which job.
    #[serde(default)]
    pub schedules: Vec<Schedule>,
    /// Its settings.
    #[serde(default)]
    pub config: Vec<ConfigKey>,
    /// Its table, if it keeps anything.
    pub table: Option<Table>,
}

/// A permission.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Permission {
    /// `{resource}.{action}` or `{module}.{resource}.{action}`.
    pub code: String,
    /// What it allows, in one line.
    pub description: String,
    /// The system roles that hold it out of the box.
    #[serde(default)]
    pub roles: BTreeSet<Role>,
}

/// A system role. The owner is not among them: it always holds everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Admin,
    Member,
    Viewer,
}

impl Role {
    /// The role's name in manifests and data.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Member => "member",
            Self::Viewer => "viewer",
        }
    }
}

/// A route of the gateway.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The HTTP method.
    pub method: Method,
    /// The path, with parameters as `{name}`.
    pub path: String,
    /// Who may call it.
    #[serde(rename = "permission")]
    pub access: Access,
    /// Which limit its calls count against.
    #[serde(default)]
    pub rate: Rate,
    /// Whether it takes an `Idempotency-Key`: every `POST` that creates something should.
    #[serde(default)]
    pub idempotency_key: bool,
}

/// An HTTP method, ordered as the routes of a path are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// The method's name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// Who may call a route.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum Access {
    /// Everybody.
    Public,
    /// Whoever proves who they are.
    SignedIn,
    /// People who have signed in: no API keys, no service clients.
    Session,
    /// Whoever holds the permission with this code.
    Permission(String),
}

impl From<String> for Access {
    fn from(text: String) -> Self {
        match text.as_str() {
            "public" => Self::Public,
            "signed-in" => Self::SignedIn,
            "session" => Self::Session,
            _ => Self::Permission(text),
        }
    }
}

/// The limit that a route's calls count against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rate {
    #[default]
    Default,
    SignIn,
    Registration,
    Refresh,
    Reset,
}

/// The events of a module.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// The types it publishes.
    #[serde(default)]
    pub publishes: Vec<String>,
    /// The types it consumes: exact, a prefix ending with `.*`, or `*` for all.
    #[serde(default)]
    pub consumes: Vec<String>,
}

/// A kind of background work.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// `{module}.{name}`.
    pub kind: String,
    /// What it does, in one line.
    pub description: String,
    /// How often it is tried before it is given up.
    #[serde(default = "five")]
    pub max_attempts: u32,
}

fn five() -> u32 {
    5
}

/// A job that runs by the clock.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The name, unique within the module.
    pub name: String,
    /// The kind of one of the module's jobs.
    pub job: String,
    /// Five fields: minute, hour, day of month, month, day of week.
    pub cron: String,
}

/// A setting.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigKey {
    /// `{module}.{...}`.
    pub key: String,
    /// What it changes, in one line.
    pub description: String,
    /// The value where nobody set one; always null for a secret.
    #[serde(default)]
    pub default: Value,
    /// The JSON Schema of its values.
    pub schema: Value,
    /// Whether the value is kept out of answers and logs.
    #[serde(default)]
    pub secret: bool,
}

/// The table of a module; it has the module's name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// How many generic secondary indexes it has: `gsi1`, `gsi2` and so on.
    #[serde(default)]
    pub indexes: u8,
    /// Whether pending events leave through the table's stream.
    #[serde(default)]
    pub stream: bool,
}

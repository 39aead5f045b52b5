//! The types that the generated files use, to compile them without the crates that own these.

extern crate self as kernel;

#[path = "shared/contracts/src/generated/modules.rs"]
pub mod modules;
#[path = "shared/contracts/src/generated/permissions.rs"]
pub mod permissions;
#[path = "shared/contracts/src/generated/routes.rs"]
pub mod routes;

pub mod catalogue {
    pub struct Permission {
        pub code: &'static str,
        pub description: &'static str,
        pub module: &'static str,
        pub roles: &'static [&'static str],
    }

    pub struct ModuleSpec {
        pub name: &'static str,
        pub version: &'static str,
        pub description: &'static str,
        pub dependencies: &'static [(&'static str, &'static str)],
        pub publishes: &'static [&'static str],
        pub consumes: &'static [&'static str],
        pub jobs: &'static [JobSpec],
        pub schedules: &'static [ScheduleSpec],
        pub config: &'static [ConfigKey],
        pub table: Option<TableSpec>,
    }

    pub struct JobSpec {
        pub kind: &'static str,
        pub max_attempts: u32,
    }

    pub struct ScheduleSpec {
        pub name: &'static str,
        pub job: &'static str,
        pub cron: &'static str,
    }

    pub struct ConfigKey {
        pub key: &'static str,
        pub description: &'static str,
        pub default: &'static str,
        pub schema: &'static str,
        pub secret: bool,
    }

    pub struct TableSpec {
        pub indexes: u8,
        pub stream: bool,
    }
}

pub mod route {
    pub struct Route {
        pub method: &'static str,
        pub path: &'static str,
        pub module: &'static str,
        pub access: Access,
        pub rate: Rate,
        pub idempotency_key: bool,
    }

    pub enum Access {
        Public,
        SignedIn,
        Permission(&'static str),
    }

    pub enum Rate {
        Default,
        SignIn,
        Registration,
        Refresh,
        Reset,
    }
}

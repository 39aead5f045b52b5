//! The shapes of the generated tables.

pub use kernel::config::ConfigKey;

/// A permission, as its module's manifest declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission {
    pub code: &'static str,
    pub description: &'static str,
    pub module: &'static str,
    /// System roles that hold it out of the box; `owner` holds everything.
    pub roles: &'static [&'static str],
}

/// A module, as its manifest declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModuleSpec {
    pub name: &'static str,
    pub version: &'static str,
    pub description: &'static str,
    /// Names and version ranges.
    pub dependencies: &'static [(&'static str, &'static str)],
    pub publishes: &'static [&'static str],
    /// Event types, or prefixes ending in `.*`.
    pub consumes: &'static [&'static str],
    pub jobs: &'static [JobSpec],
    pub schedules: &'static [ScheduleSpec],
    pub config: &'static [ConfigKey],
    pub table: Option<TableSpec>,
}

/// A kind of job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobSpec {
    pub kind: &'static str,
    pub max_attempts: u32,
}

/// A job that runs by the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScheduleSpec {
    pub name: &'static str,
    pub job: &'static str,
    pub cron: &'static str,
}

/// A module's table; it is named after the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableSpec {
    /// How many generic indexes: `gsi1` with `gsi1pk` and `gsi1sk`, and so on.
    pub indexes: u8,
    /// Whether pending events leave through the table's stream.
    pub stream: bool,
}

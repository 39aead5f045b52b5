//! `modules.rs`: what the platform knows about each module at run time.

use serde_json::Value;

use super::literal;
use crate::{ConfigKey, Job, Manifest, Schedule, Table};

pub(super) fn render(modules: &[&Manifest]) -> String {
    let modules = modules.iter().map(|module| render_module(module));
    format!(
        "//! Every module of the platform.

#[allow(unused_imports, reason = \"not every platform has all\")]
use crate::catalogue::{{ConfigKey, JobSpec, ModuleSpec, ScheduleSpec, TableSpec}};

/// Every module, dependencies first and otherwise by name.
#[rustfmt::skip]
pub const MODULES: &[ModuleSpec] = &[
{}];
",
        modules.collect::<Vec<_>>().concat(),
    )
}

fn render_module(module: &Manifest) -> String {
    let dependencies = module
        .dependencies
        .iter()
        .map(|(name, range)| format!("({}, {})", literal(name), literal(&range.to_string())));
    let table = module.table.as_ref().map(table);
    let fields = [
        ("name", literal(&module.name)),
        ("version", literal(&module.version.to_string())),
        ("description", literal(&module.description)),
        ("dependencies", slice(dependencies)),
        ("publishes", strings(&module.events.publishes)),
        ("consumes", strings(&module.events.consumes)),
        ("jobs", slice(module.jobs.iter().map(job))),
        ("schedules", slice(module.schedules.iter().map(schedule))),
        ("config", slice(module.config.iter().map(config_key))),
        ("table", table.unwrap_or_else(|| "None".to_owned())),
    ];
    let fields = fields.map(|(name, value)| format!("        {name}: {value},\n"));
    format!("    ModuleSpec {{\n{}    }},\n", fields.concat())
}

fn strings(texts: &[String]) -> String {
    slice(texts.iter().map(|text| literal(text)))
}

/// A slice as the value of a field, one entry a line.
fn slice(entries: impl Iterator<Item = String>) -> String {
    let entries: Vec<_> = entries.map(|entry| format!("            {entry},\n")).collect();
    if entries.is_empty() {
        return "&[]".to_owned();
    }
    format!("&[\n{}        ]", entries.concat())
}

fn job(job: &Job) -> String {
    format!("JobSpec {{ kind: {}, max_attempts: {} }}", literal(&job.kind), job.max_attempts)
}

fn schedule(schedule: &Schedule) -> String {
    let Schedule { name, job, cron } = schedule;
    let (name, job, cron) = (literal(name), literal(job), literal(cron));
    format!("ScheduleSpec {{ name: {name}, job: {job}, cron: {cron} }}")
}

fn config_key(config: &ConfigKey) -> String {
    format!(
        "ConfigKey {{ key: {}, description: {}, default: {}, schema: {}, secret: {} }}",
        literal(&config.key),
        literal(&config.description),
        literal(&json(&config.default)),
        literal(&json(&config.schema)),
        config.secret,
    )
}

fn table(table: &Table) -> String {
    format!("Some(TableSpec {{ indexes: {}, stream: {} }})", table.indexes, table.stream)
}

/// JSON text with sorted keys: whether `serde_json` keeps their order depends on the features that
/// the rest of a build happens to enable.
fn json(value: &Value) -> String {
    let mut value = value.clone();
    value.sort_all_objects();
    value.to_string()
}

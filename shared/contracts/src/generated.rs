//! Generated from `functions/*/module.yaml` by `plinth module generate`.

pub mod modules;
pub mod permissions;
pub mod routes;

pub use modules::MODULES;
pub use routes::ROUTES;

use crate::catalogue::ModuleSpec;

/// The declaration of a module.
///
/// # Panics
/// When no manifest declares it: a service asks only for itself.
pub fn module(name: &str) -> &'static ModuleSpec {
    let found = MODULES.iter().find(|module| module.name == name);
    found.unwrap_or_else(|| panic!("no manifest declares the module `{name}`"))
}

//! Settings of the platform as a whole, and the check that every `PLINTH_` variable means something.

use std::path::Path;

use contracts::generated::MODULES;
use kernel::{
    config::{ConfigErrors, Sources},
    limit,
};

/// The environment file, looked for in the current folder.
const FILE: &str = "plinth.env";

/// Variables that are not settings of a module.
const OTHERS: &[&str] =
    &["PLINTH_LOG", "PLINTH_URL", "PLINTH_OPERATOR_EMAIL", "PLINTH_OPERATOR_PASSWORD"];

/// Reads the environment, and refuses misspelt variables.
///
/// # Errors
/// When the environment file does not parse, or a variable is unknown.
pub fn sources() -> Result<Sources, ConfigErrors> {
    let sources = Sources::from_environment(Some(Path::new(FILE)))?;
    let keys = MODULES.iter().flat_map(|module| module.config).chain(limit::SETTINGS);
    let mut known: Vec<String> = keys.map(kernel::config::ConfigKey::variable).collect();
    known.extend(OTHERS.iter().map(ToString::to_string));
    let mut unknown: Vec<_> =
        sources.unknown(&known).map(|name| format!("{name}: there is no such setting")).collect();
    unknown.sort();
    if unknown.is_empty() { Ok(sources) } else { Err(ConfigErrors(unknown)) }
}

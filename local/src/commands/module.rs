use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Subcommand;
use manifest::Manifests;

use super::{Failure, say};

#[derive(Debug, Subcommand)]
pub enum ModuleCommand {
    /// Show every module, dependencies first.
    List,
    /// Check all manifests, that what is generated from them is up to date, and that the deployment
    /// templates match them.
    Check,
    /// Write what is generated from the manifests.
    Generate,
    /// Draw dependencies and events as a Mermaid graph.
    Graph,
}

pub fn run(command: &ModuleCommand) -> Result<ExitCode, Failure> {
    let root = repository()?;
    let manifests = Manifests::load(&root)?;
    match command {
        ModuleCommand::List => {
            for module in manifests.in_order() {
                say(&format!("{:<12} {:<8} {}", module.name, module.version, module.description));
            }
        }
        ModuleCommand::Check => {
            let stale = manifests.stale(&root);
            if !stale.is_empty() {
                for path in stale {
                    say(&format!("{}: out of date; run `plinth module generate`", path.display()));
                }
                return Ok(ExitCode::FAILURE);
            }
            manifests.check_deployment(&root)?;
            say(&format!("{} manifests are fine", manifests.in_order().len()));
        }
        ModuleCommand::Generate => {
            let written = manifests.write(&root)?;
            for path in &written {
                say(&format!("wrote {}", path.display()));
            }
            if written.is_empty() {
                say("everything was up to date");
            }
        }
        ModuleCommand::Graph => say(&manifests.graph()),
    }
    Ok(ExitCode::SUCCESS)
}

/// The nearest folder upwards that has `functions/`.
fn repository() -> Result<PathBuf, Failure> {
    let here = std::env::current_dir()?;
    let found = here.ancestors().find(|folder| folder.join("functions").is_dir());
    found.map(Path::to_owned).ok_or_else(|| "there is no `functions/` here or above".into())
}

//! The module manifests: reads every `functions/*/module.yaml`, checks them as one set and
//! renders what is generated from them.
//!
//! ```no_run
//! # use std::path::Path;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let root = Path::new(".");
//! let manifests = manifest::Manifests::load(root)?;
//! for path in manifests.write(root)? {
//!     eprintln!("wrote {}", path.display());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! To add a field to the manifest: give it a type in `model`, its rules in `check`, and its place
//! in a renderer under `render`. To generate another file, add a renderer and list it in `render`.

mod check;
mod deployment;
mod graph;
mod model;
mod order;
mod problem;
mod render;

#[cfg(test)]
mod fixture;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

pub use model::{
    Access, ConfigKey, Events, Job, Manifest, Method, Permission, Rate, Role, Route, Schedule,
    Table,
};
pub use problem::{Problem, Problems};
pub use render::Generated;

/// Every manifest by the name of its folder, which is the module's name.
type Modules = BTreeMap<String, Manifest>;

/// A checked set of manifests.
#[derive(Debug, Clone)]
pub struct Manifests {
    modules: Modules,
}

impl Manifests {
    /// Reads and checks the manifests below `root`; folders without one are not modules.
    ///
    /// # Errors
    /// Every problem found. A manifest of the wrong shape reports the first mistake the YAML
    /// parser meets, and the rules are checked once all manifests have the right shape: a module
    /// that could not be read would only make its dependents look wrong.
    pub fn load(root: &Path) -> Result<Self, Problems> {
        let modules = read(root)?;
        let mut problems = Problems::default();
        check::check(&modules, &mut problems);
        problems.none_or(Self { modules })
    }

    /// Whether the deployment templates below `root` say the same as the manifests.
    ///
    /// # Errors
    /// Everything that differs.
    pub fn check_deployment(&self, root: &Path) -> Result<(), Problems> {
        deployment::check(root, &self.modules)
    }

    /// The manifests by name.
    pub fn by_name(&self) -> impl Iterator<Item = &Manifest> {
        self.modules.values()
    }

    /// The manifests, dependencies first and otherwise by name.
    pub fn in_order(&self) -> Vec<&Manifest> {
        order::in_order(&self.modules).modules
    }

    /// The modules as a Mermaid graph: solid arrows point to dependencies, dotted ones carry
    /// events from publisher to consumer.
    pub fn graph(&self) -> String {
        graph::graph(&self.modules)
    }

    /// The files generated from the manifests, with paths relative to the repository.
    pub fn generate(&self) -> Vec<Generated> {
        render::generate(self)
    }

    /// Writes the generated files that differ and returns their paths.
    pub fn write(&self, root: &Path) -> io::Result<Vec<PathBuf>> {
        let stale = self.differing(root);
        for file in &stale {
            let path = root.join(&file.path);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(path, &file.content)?;
        }
        Ok(paths(stale))
    }

    /// The paths of the generated files that are missing or not up to date.
    pub fn stale(&self, root: &Path) -> Vec<PathBuf> {
        paths(self.differing(root))
    }

    fn differing(&self, root: &Path) -> Vec<Generated> {
        let mut files = self.generate();
        // A file that cannot be read cannot be up to date either.
        files.retain(|file| {
            fs::read_to_string(root.join(&file.path)).map_or(true, |found| found != file.content)
        });
        files
    }
}

fn paths(files: Vec<Generated>) -> Vec<PathBuf> {
    files.into_iter().map(|file| file.path).collect()
}

fn read(root: &Path) -> Result<Modules, Problems> {
    let mut problems = Problems::default();
    let mut modules = Modules::new();
    let folders = folders(&root.join("functions"))
        .map_err(|error| Problems::of("functions", "", error.to_string()))?;
    for folder in folders {
        let file = root.join("functions").join(&folder).join("module.yaml");
        let read = match fs::read_to_string(file) {
            Ok(yaml) => serde_yaml_ng::from_str(&yaml).map_err(|error| error.to_string()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => Err(error.to_string()),
        };
        match read {
            Ok(manifest) => {
                modules.insert(folder, manifest);
            }
            // The parser's message begins with the field and ends with the line.
            Err(message) => problems.add(&folder, "", message),
        }
    }
    problems.none_or(modules)
}

fn folders(parent: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        if entry.path().is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{load, problems, repository};

    #[test]
    fn a_folder_without_a_manifest_is_not_a_module() {
        let root = repository(&[("notes", "")]);
        fs::create_dir(root.path().join("functions/empty")).unwrap();
        let manifests = Manifests::load(root.path()).unwrap();
        let names: Vec<_> = manifests.by_name().map(|module| &module.name).collect();
        assert_eq!(names, ["notes"]);
    }

    #[test]
    fn a_repository_without_functions_is_a_problem() {
        let root = tempfile::tempdir().unwrap();
        let problems = Manifests::load(root.path()).unwrap_err();
        assert!(problems.to_string().starts_with("functions: "), "{problems}");
    }

    #[test]
    fn every_unreadable_manifest_is_reported_with_field_and_line() {
        let found = problems(&[
            ("a", "routes: [{method: FETCH, path: /x, permission: public}]"),
            ("b", "colour: red"),
            ("c", "dependencies:\n  a: one"),
        ]);
        assert_eq!(found.len(), 3, "{found:#?}");
        assert!(
            found[0].starts_with(
                "functions/a/module.yaml: routes[0].method: unknown variant `FETCH`, expected one of"
            ) && found[0].contains("at line 4"),
            "{found:#?}"
        );
        assert!(
            found[1].starts_with("functions/b/module.yaml: unknown field `colour`")
                && found[1].contains("at line 4"),
            "{found:#?}"
        );
        assert!(
            found[2].starts_with("functions/c/module.yaml: dependencies.a: ")
                && found[2].contains("at line 5"),
            "{found:#?}"
        );
    }

    #[test]
    fn write_reports_only_what_changed_and_nothing_is_stale_afterwards() {
        let (root, manifests) = load(&[("notes", "")]);
        assert_eq!(manifests.stale(root.path()).len(), 4);
        assert_eq!(manifests.write(root.path()).unwrap().len(), 4);
        assert!(manifests.stale(root.path()).is_empty());
        assert!(manifests.write(root.path()).unwrap().is_empty());

        let routes = Path::new("infra/routes.yaml");
        fs::write(root.path().join(routes), "edited by hand").unwrap();
        assert_eq!(manifests.stale(root.path()), [routes]);
        assert_eq!(manifests.write(root.path()).unwrap(), [routes]);
    }
}

//! Small repositories for tests.

use std::fs;

use tempfile::TempDir;

use crate::Manifests;

/// A repository with these modules, each given by its name and what follows name, version and
/// description in its manifest.
pub(crate) fn repository(modules: &[(&str, &str)]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (name, rest) in modules {
        let head = format!("name: {name}\nversion: 0.1.0\ndescription: The {name} module.\n");
        write(&root, name, &(head + rest));
    }
    root
}

/// Writes the whole manifest of one module.
pub(crate) fn write(root: &TempDir, folder: &str, yaml: &str) {
    let folder = root.path().join("functions").join(folder);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("module.yaml"), yaml).unwrap();
}

/// Loads modules that are expected to be fine.
pub(crate) fn load(modules: &[(&str, &str)]) -> (TempDir, Manifests) {
    let root = repository(modules);
    let manifests = Manifests::load(root.path()).unwrap_or_else(|problems| panic!("{problems}"));
    (root, manifests)
}

/// The problems of these modules, one string each.
pub(crate) fn problems(modules: &[(&str, &str)]) -> Vec<String> {
    problems_in(&repository(modules))
}

/// The problems of a repository, one string each.
pub(crate) fn problems_in(root: &TempDir) -> Vec<String> {
    match Manifests::load(root.path()) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

//! The rules that a set of manifests keeps. Each area reports all it finds and assumes nothing
//! about the others.

mod config;
mod dependencies;
pub(crate) mod events;
mod jobs;
mod permissions;
mod routes;
mod shape;
mod suggest;
mod table;

use std::collections::BTreeMap;

use crate::problem::{Problems, file};
use crate::{Manifest, Modules};

pub(crate) fn check(modules: &Modules, problems: &mut Problems) {
    for (name, module) in modules {
        head(name, module, problems);
        table::check(name, module, problems);
    }
    dependencies::check(modules, problems);
    permissions::check(modules, problems);
    routes::check(modules, problems);
    events::check(modules, problems);
    jobs::check(modules, problems);
    config::check(modules, problems);
}

fn head(folder: &str, module: &Manifest, problems: &mut Problems) {
    if module.name != folder {
        let message = format!("is \"{}\" but the folder is \"{folder}\"", module.name);
        problems.add(folder, "name", message);
    }
    if !shape::is_snake(folder) {
        let message = "a module's name is lower snake case, because its codes begin with it";
        problems.add(folder, "name", message);
    }
    shape::check_description(folder, "description", &module.description, problems);
}

/// Remembers where things were declared, to name both places when one is declared again.
#[derive(Default)]
struct Declared(BTreeMap<String, String>);

impl Declared {
    /// Notes `thing`; if it is there already, says where.
    fn add(&mut self, thing: impl Into<String>, module: &str, field: &str) -> Option<String> {
        let place = format!("{}: {field}", file(module));
        let thing = thing.into();
        if let Some(first) = self.0.get(&thing) {
            return Some(first.clone());
        }
        self.0.insert(thing, place);
        None
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::{problems, problems_in, repository, write};

    #[test]
    fn the_name_is_that_of_the_folder() {
        let root = repository(&[]);
        write(&root, "notes", "name: note\nversion: 0.1.0\ndescription: Notes.\n");
        assert_eq!(
            problems_in(&root),
            ["functions/notes/module.yaml: name: is \"note\" but the folder is \"notes\""]
        );
    }

    #[test]
    fn the_name_is_lower_snake_case() {
        assert_eq!(
            problems(&[("side-notes", "")]),
            ["functions/side-notes/module.yaml: name: a module's name is lower snake case, \
              because its codes begin with it"]
        );
    }

    #[test]
    fn the_version_is_a_semantic_version() {
        let root = repository(&[]);
        write(&root, "notes", "name: notes\nversion: \"0.1\"\ndescription: Notes.\n");
        let found = problems_in(&root);
        assert!(
            found[0].starts_with("functions/notes/module.yaml: version: unexpected end of input"),
            "{found:?}"
        );
    }

    #[test]
    fn problems_of_all_areas_are_reported_together() {
        let found = problems(&[
            ("a", "dependencies: {zzz: ^1}\ntable: {indexes: 6}"),
            ("b", "schedules: [{name: s, job: b.nothing, cron: '0 3 * * *'}]"),
        ]);
        assert_eq!(found.len(), 3, "{found:#?}");
    }
}

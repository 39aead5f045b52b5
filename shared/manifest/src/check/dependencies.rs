//! Dependencies: they exist, in a version that fits, and never lead back.

use super::suggest::did_you_mean;
use crate::problem::Problems;
use crate::{Modules, order};

pub(super) fn check(modules: &Modules, problems: &mut Problems) {
    for (name, module) in modules {
        for (dependency, range) in &module.dependencies {
            let field = format!("dependencies.{dependency}");
            let Some(found) = modules.get(dependency) else {
                let hint = did_you_mean(dependency, modules.keys().map(String::as_str));
                problems.add(name, field, format!("unknown module \"{dependency}\"{hint}"));
                continue;
            };
            if dependency == name {
                problems.add(name, field, "a module cannot depend on itself");
            } else if !range.matches(&found.version) {
                let message = format!("{range} does not match version {}", found.version);
                problems.add(name, field, message);
            }
        }
    }
    for cycle in order::in_order(modules).cycles {
        let field = format!("dependencies.{}", cycle[1]);
        problems.add(cycle[0], field, format!("cycle: {}", cycle.join(" -> ")));
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::problems;

    #[test]
    fn a_dependency_exists() {
        assert_eq!(
            problems(&[("authz", ""), ("identity", "dependencies: {autz: ^0.1}")]),
            ["functions/identity/module.yaml: dependencies.autz: unknown module \"autz\"; \
              did you mean \"authz\"?"]
        );
    }

    #[test]
    fn a_dependency_has_a_matching_version() {
        assert_eq!(
            problems(&[("authz", ""), ("identity", "dependencies: {authz: ^0.2}")]),
            ["functions/identity/module.yaml: dependencies.authz: \
              ^0.2 does not match version 0.1.0"]
        );
    }

    #[test]
    fn a_module_does_not_depend_on_itself() {
        assert_eq!(
            problems(&[("authz", "dependencies: {authz: ^0.1}")]),
            ["functions/authz/module.yaml: dependencies.authz: a module cannot depend on itself"]
        );
    }

    #[test]
    fn every_cycle_is_printed_once() {
        assert_eq!(
            problems(&[
                ("a", "dependencies: {b: ^0.1}"),
                ("b", "dependencies: {c: ^0.1}"),
                ("c", "dependencies: {b: ^0.1}"),
                ("x", "dependencies: {y: ^0.1}"),
                ("y", "dependencies: {x: ^0.1}"),
            ]),
            [
                "functions/b/module.yaml: dependencies.c: cycle: b -> c -> b",
                "functions/x/module.yaml: dependencies.y: cycle: x -> y -> x",
            ]
        );
    }
}

//! Events: well-formed types, and nobody listens for what nobody says.

use super::shape;
use super::suggest::did_you_mean;
use crate::Modules;
use crate::problem::Problems;

/// Whether a consumer of `pattern` receives events of the type `event`.
pub(crate) fn matches(pattern: &str, event: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => event.starts_with(prefix),
        None => pattern == event,
    }
}

pub(super) fn check(modules: &Modules, problems: &mut Problems) {
    let published: Vec<&str> = modules
        .values()
        .flat_map(|module| module.events.publishes.iter().map(String::as_str))
        .collect();
    for (name, module) in modules {
        for (i, event) in module.events.publishes.iter().enumerate() {
            if !shape::is_dotted(event, 2) {
                let message = format!("\"{event}\" is not a dotted lower snake type");
                problems.add(name, format!("events.publishes[{i}]"), message);
            }
        }
        for (i, pattern) in module.events.consumes.iter().enumerate() {
            if let Err(message) = check_pattern(pattern, &published) {
                problems.add(name, format!("events.consumes[{i}]"), message);
            }
        }
    }
}

fn check_pattern(pattern: &str, published: &[&str]) -> Result<(), String> {
    let segments = pattern.strip_suffix(".*").unwrap_or(pattern);
    if pattern != "*" && !shape::is_dotted(segments, 1) {
        return Err(format!("\"{pattern}\" is neither a type, a prefix ending with .*, nor *"));
    }
    if pattern != "*" && !published.iter().any(|event| matches(pattern, event)) {
        let hint = did_you_mean(pattern, published.iter().copied());
        return Err(format!("no module publishes \"{pattern}\"{hint}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::problems;

    const AUTHZ: (&str, &str) = ("authz", "events: {publishes: [platform.role.assigned]}");

    #[test]
    fn a_pattern_matches_its_type_its_prefix_or_everything() {
        assert!(matches("platform.role.assigned", "platform.role.assigned"));
        assert!(matches("platform.role.*", "platform.role.assigned"));
        assert!(matches("*", "platform.role.assigned"));
        assert!(!matches("platform.role", "platform.role.assigned"));
        assert!(!matches("platform.role.*", "platform.roles.assigned"));
    }

    #[test]
    fn a_type_is_dotted_lower_snake() {
        assert_eq!(
            problems(&[("notes", "events: {publishes: [platform.Note.created]}")]),
            ["functions/notes/module.yaml: events.publishes[0]: \
              \"platform.Note.created\" is not a dotted lower snake type"]
        );
    }

    #[test]
    fn what_is_consumed_is_published_by_somebody() {
        let consumes = |pattern: &str| format!("events: {{consumes: ['{pattern}']}}");
        for pattern in ["platform.role.assigned", "platform.role.*", "*"] {
            assert!(problems(&[AUTHZ, ("identity", &consumes(pattern))]).is_empty(), "{pattern}");
        }
        assert_eq!(
            problems(&[AUTHZ, ("identity", &consumes("platform.role.asigned"))]),
            ["functions/identity/module.yaml: events.consumes[0]: no module publishes \
              \"platform.role.asigned\"; did you mean \"platform.role.assigned\"?"]
        );
        assert_eq!(
            problems(&[AUTHZ, ("identity", &consumes("platform.tenant_plan.*"))]),
            ["functions/identity/module.yaml: events.consumes[0]: \
              no module publishes \"platform.tenant_plan.*\""]
        );
    }

    #[test]
    fn a_star_stands_alone_or_after_a_last_dot() {
        for pattern in ["platform*", "platform.*.assigned", ".*", "**", ""] {
            let found =
                problems(&[AUTHZ, ("identity", &format!("events: {{consumes: ['{pattern}']}}"))]);
            assert!(found.len() == 1 && found[0].contains("is neither a type"), "{found:?}");
        }
    }
}

//! Configuration: keys under the module's name, with a schema that their default fits.

use super::{Declared, shape};
use crate::problem::Problems;
use crate::{ConfigKey, Modules};

pub(super) fn check(modules: &Modules, problems: &mut Problems) {
    let mut declared = Declared::default();
    for (name, module) in modules {
        for (i, config) in module.config.iter().enumerate() {
            let key = &config.key;
            let field = format!("config[{i}].key");
            let begins = key.split_once('.').is_some_and(|(first, _)| first == name);
            if !begins || !shape::is_dotted(key, 2) {
                problems.add(name, &field, format!("\"{key}\" is not {name}.{{lower_snake}}"));
            }
            if let Some(first) = declared.add(key, name, &field) {
                problems.add(name, &field, format!("is already declared in {first}"));
            }
            let field = format!("config[{i}].description");
            shape::check_description(name, &field, &config.description, problems);
            check_value(name, &format!("config[{i}]"), config, problems);
        }
    }
}

fn check_value(name: &str, field: &str, config: &ConfigKey, problems: &mut Problems) {
    let schema = match jsonschema::validator_for(&config.schema) {
        Ok(schema) => schema,
        Err(error) => {
            return problems.add(name, format!("{field}.schema"), error.to_string());
        }
    };
    let field = format!("{field}.default");
    if config.secret {
        // Not against the schema: a secret has no value until somebody sets one.
        if !config.default.is_null() {
            problems.add(name, field, "a secret has no default, because manifests are public");
        }
        return;
    }
    for error in schema.iter_errors(&config.default) {
        problems.add(name, &field, error.to_string());
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::problems;

    fn config(rest: &str) -> Vec<String> {
        problems(&[("notes", &format!("config: [{{description: A limit, {rest}}}]"))])
    }

    #[test]
    fn a_key_with_a_fitting_default_is_accepted() {
        assert!(config("key: notes.limit, default: 3, schema: {type: integer}").is_empty());
    }

    #[test]
    fn a_key_begins_with_the_module() {
        for key in ["limit", "note.limit", "notes.Limit", "notes"] {
            assert_eq!(
                config(&format!("key: {key}, default: 3, schema: {{type: integer}}")),
                [format!(
                    "functions/notes/module.yaml: config[0].key: \
                     \"{key}\" is not notes.{{lower_snake}}"
                )]
            );
        }
    }

    #[test]
    fn a_key_is_declared_once() {
        let key = "{key: notes.limit, description: A limit, default: 3, schema: {}}";
        assert_eq!(
            problems(&[("notes", &format!("config: [{key}, {key}]"))]),
            ["functions/notes/module.yaml: config[1].key: is already declared in \
              functions/notes/module.yaml: config[0].key"]
        );
    }

    #[test]
    fn a_default_fits_the_schema() {
        assert_eq!(
            config("key: notes.limit, default: 3, schema: {type: integer, minimum: 8}"),
            ["functions/notes/module.yaml: config[0].default: \
              3 is less than the minimum of 8"]
        );
        assert_eq!(
            config("key: notes.limit, schema: {type: integer}"),
            ["functions/notes/module.yaml: config[0].default: null is not of type \"integer\""]
        );
    }

    #[test]
    fn a_schema_compiles() {
        let found = config("key: notes.limit, default: 3, schema: {type: whole}");
        assert!(
            found.len() == 1
                && found[0].starts_with("functions/notes/module.yaml: config[0].schema: "),
            "{found:?}"
        );
    }

    #[test]
    fn a_secret_has_no_default() {
        assert!(config("key: notes.token, schema: {type: string}, secret: true").is_empty());
        assert_eq!(
            config("key: notes.token, default: hunter2, schema: {type: string}, secret: true"),
            ["functions/notes/module.yaml: config[0].default: \
              a secret has no default, because manifests are public"]
        );
    }
}

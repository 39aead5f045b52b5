//! Event types, their schemas and examples in `events/`, and the manifests say the same.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use contracts::{events::catalogue, generated::MODULES};
use jsonschema::Validator;
use kernel::event::Envelope;
use serde_json::{Value, json};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events")
}

fn read(name: &str) -> Value {
    let text = std::fs::read_to_string(folder().join(name))
        .unwrap_or_else(|error| panic!("events/{name}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("events/{name}: {error}"))
}

fn schema(name: &str) -> Validator {
    let schema = read(&format!("{name}.schema.json"));
    jsonschema::draft202012::meta::validate(&schema)
        .unwrap_or_else(|error| panic!("events/{name}.schema.json: {error}"));
    jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .unwrap_or_else(|error| panic!("events/{name}.schema.json: {error}"))
}

fn example(kind: &str) -> Value {
    read(&format!("{kind}.example.json"))
}

#[track_caller]
fn assert_fits(schema: &Validator, value: &Value, what: &str) {
    let errors: Vec<_> =
        schema.iter_errors(value).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{what}: {errors:#?}");
}

/// The names of the properties of an object schema.
fn properties(kind: &str) -> Vec<String> {
    let schema = read(&format!("{kind}.schema.json"));
    let properties = schema["properties"].as_object().expect("a schema names its properties");
    properties.keys().cloned().collect()
}

/// The data of the type's example with one field replaced.
fn data_with(kind: &str, field: &str, value: &Value) -> Value {
    let mut data = example(kind)["data"].take();
    data[field] = value.clone();
    data
}

#[test]
fn every_file_belongs_to_a_type_and_every_type_has_its_files() {
    let mut expected: BTreeSet<String> =
        ["README.md", "envelope.schema.json"].map(String::from).into();
    for (kind, _) in catalogue() {
        expected.insert(format!("{kind}.schema.json"));
        expected.insert(format!("{kind}.example.json"));
    }
    let entries = std::fs::read_dir(folder()).expect("the folder `events` is there");
    // The folder `samples` holds invocations of functions, not types.
    let files =
        entries.map(|entry| entry.expect("the folder reads")).filter(|e| e.path().is_file());
    let found: BTreeSet<String> =
        files.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    assert_eq!(found, expected);
}

#[test]
fn no_type_is_in_the_catalogue_twice() {
    let kinds: BTreeSet<_> = catalogue().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds.len(), catalogue().len());
}

#[test]
fn every_published_type_is_in_the_catalogue() {
    let known: BTreeSet<_> = catalogue().into_iter().map(|(kind, _)| kind).collect();
    for module in MODULES {
        for kind in module.publishes {
            assert!(known.contains(kind), "module `{}` publishes `{kind}`", module.name);
        }
    }
}

#[test]
fn every_example_fits_the_envelope_its_schema_and_the_rust_type() {
    let envelope_schema = schema("envelope");
    for (kind, check_shape) in catalogue() {
        let example = example(kind);
        assert_fits(&envelope_schema, &example, kind);
        assert_fits(&schema(kind), &example["data"], kind);
        let envelope: Envelope = serde_json::from_value(example.clone()).expect(kind);
        assert_eq!(envelope.kind, kind);
        check_shape(&envelope.data).expect(kind);
        // Nothing in the file that the envelope does not know.
        assert_eq!(serde_json::to_value(&envelope).expect(kind), example, "{kind}");
        let publisher = MODULES.iter().find(|module| module.publishes.contains(&kind));
        assert_eq!(publisher.map(|module| module.name), Some(envelope.source.as_str()), "{kind}");
    }
}

#[test]
fn schema_and_rust_type_allow_null_for_the_same_fields() {
    for (kind, check_shape) in catalogue() {
        let schema = schema(kind);
        for field in properties(kind) {
            let data = data_with(kind, &field, &Value::Null);
            assert_eq!(schema.is_valid(&data), check_shape(&data).is_ok(), "{kind}: {field}");
        }
    }
}

#[test]
fn schema_and_rust_type_know_the_same_fields() {
    for (kind, check_shape) in catalogue() {
        let schema = schema(kind);
        let unknown = data_with(kind, "no_such_field", &json!(1));
        assert!(!schema.is_valid(&unknown), "{kind} takes unknown fields");
        let message = check_shape(&unknown).expect_err("an unknown field is refused").to_string();
        let known: BTreeSet<_> = quoted(&message).skip(1).collect();
        assert_eq!(known, properties(kind).into_iter().collect(), "{kind}: {message}");
        for field in properties(kind) {
            let mut data = example(kind)["data"].take();
            data.as_object_mut().expect("data is an object").remove(&field);
            assert!(!schema.is_valid(&data), "{kind}: `{field}` is always written, so required");
        }
    }
}

#[test]
fn schema_and_rust_type_know_the_same_variants() {
    for (kind, check_shape) in catalogue() {
        let schema = read(&format!("{kind}.schema.json"));
        for (field, property) in schema["properties"].as_object().expect(kind) {
            let refusal = check_shape(&data_with(kind, field, &json!("no_such_variant")));
            let message = refusal.map_or_else(|error| error.to_string(), |()| String::new());
            let variants: BTreeSet<_> = if message.starts_with("unknown variant") {
                quoted(&message).skip(1).collect()
            } else {
                BTreeSet::new()
            };
            let listed = property["enum"].as_array().cloned().unwrap_or_default();
            let listed = listed.iter().filter_map(Value::as_str).map(String::from).collect();
            assert_eq!(variants, listed, "{kind}: {field}");
        }
    }
}

#[test]
fn an_example_with_another_shape_does_not_fit() {
    let schema = schema("platform.user.created");
    for (field, wrong) in [
        ("user_id", json!("ada")),
        ("status", json!("asleep")),
        ("verification_nonce", json!("with space")),
        ("personal", json!({"email": "ada@example.org"})),
    ] {
        let data = data_with("platform.user.created", field, &wrong);
        assert!(!schema.is_valid(&data), "{field}: {wrong}");
    }
}

/// The names in backticks in serde's messages, such as "unknown field `x`, expected `a` or `b`".
fn quoted(message: &str) -> impl Iterator<Item = String> + '_ {
    message.split('`').skip(1).step_by(2).map(ToOwned::to_owned)
}

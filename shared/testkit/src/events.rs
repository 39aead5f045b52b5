use std::path::{Path, PathBuf};

use jsonschema::Validator;
use kernel::event::Envelope;
use serde_json::Value;

/// Checks the data of an event against `events/{type}.schema.json`.
///
/// # Panics
/// When the schema is missing, or the data does not fit it.
pub fn check_against_schema(event: &Envelope) {
    let path = folder().join(format!("{}.schema.json", event.kind));
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("event type `{}` has no schema: {error}", event.kind));
    let schema: Value = serde_json::from_str(&text).expect("a schema is JSON");
    let validator = Validator::new(&schema).expect("a schema is valid");
    let errors: Vec<_> = validator.iter_errors(&event.data).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "`{}` does not fit its schema: {errors:?}", event.kind);
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events")
}

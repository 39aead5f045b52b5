//! This repository's own manifests.

use std::path::Path;

use manifest::Manifests;

#[test]
fn the_manifests_are_fine_and_what_is_generated_from_them_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let manifests = Manifests::load(&root).unwrap_or_else(|problems| panic!("{problems}"));
    let stale = manifests.stale(&root);
    assert!(stale.is_empty(), "run `make generate`: {stale:?}");
}

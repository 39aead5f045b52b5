//! `tests/golden` is a repository of two modules with everything that is generated from them.
//! After a change of the output, run these tests with `UPDATE_GOLDEN=1` and read the difference.

use std::path::{Path, PathBuf};
use std::process::Command;

use manifest::Manifests;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn manifests() -> Manifests {
    Manifests::load(&root()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn assert_succeeds(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn the_generated_files_are_as_committed() {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        manifests().write(&root()).unwrap();
    }
    for file in manifests().generate() {
        let committed = std::fs::read_to_string(root().join(&file.path)).unwrap_or_default();
        assert_eq!(file.content, committed, "{} differs", file.path.display());
    }
}

#[test]
fn the_generated_rust_is_as_rustfmt_wants_it() {
    let generated = tempfile::tempdir().unwrap();
    let empty = tempfile::tempdir().unwrap();
    std::fs::create_dir(empty.path().join("functions")).unwrap();
    let empty = Manifests::load(empty.path()).unwrap();
    for manifests in [manifests(), empty] {
        manifests.write(generated.path()).unwrap();
        let sources = generated.path().join("shared/contracts/src/generated");
        let files = ["permissions.rs", "routes.rs", "modules.rs"].map(|file| sources.join(file));
        assert_succeeds(Command::new("rustfmt").args(["--check", "--edition", "2024"]).args(files));
    }
}

#[test]
fn the_generated_rust_compiles_without_warnings() {
    let target = tempfile::tempdir().unwrap();
    let arguments = ["--edition=2024", "--crate-type=lib", "--emit=metadata", "-Dwarnings"];
    assert_succeeds(
        Command::new("rustc")
            .args(arguments)
            .arg("--out-dir")
            .arg(target.path())
            .arg(root().join("platform.rs")),
    );
}

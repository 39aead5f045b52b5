use std::net::TcpListener;

use crate::process::{plinth, told};

#[test]
fn a_setting_that_does_not_exist_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = plinth(&["run", "--port", "0", "--json"]);
    command.arg("--data").arg(folder.path()).env("PLINTH_AUTH_ISUER", "https://example.org");
    let output = command.output().unwrap();
    let told = told(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("PLINTH_AUTH_ISUER: there is no such setting"), "{told}");
    assert!(output.stdout.is_empty(), "{told}");
}

#[test]
fn a_port_in_use_is_named_and_the_way_out_too() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut command = plinth(&["run", "--port", &port, "--json"]);
    let output = command.arg("--data").arg(folder.path()).output().unwrap();
    let told = told(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains(&format!("port {port} of 127.0.0.1 cannot be used")), "{told}");
    assert!(told.contains("--port"), "{told}");
}

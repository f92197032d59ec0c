//! That the command starts. Its commands are tested from `tests/`, where its plugins are.

use std::process::Command;

#[test]
fn the_command_says_its_name_and_version() {
    let output = Command::new(env!("CARGO_BIN_EXE_bulkhead"))
        .arg("--version")
        .output()
        .unwrap();
    assert!(output.status.success());
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        format!("bulkhead {}\n", env!("CARGO_PKG_VERSION"))
    );
}

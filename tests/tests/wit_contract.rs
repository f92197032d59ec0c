//! Compiled plugins depend on the contract's types: a contract that changes must change its version.

use bulkhead_tests::root;
use bulkhead_toolchain::contract;

#[test]
fn the_contract_is_the_one_recorded_for_its_version() {
    let wit = root().join("wit");
    if let Err(error) = contract::check(&wit, &wit.join("released")) {
        panic!("{error}");
    }
}

#[test]
fn every_record_is_a_contract_of_the_version_it_is_named_for() {
    let released = root().join("wit").join("released");
    let mut seen = 0;
    for entry in std::fs::read_dir(&released).unwrap() {
        let path = entry.unwrap().path();
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(&path, folder.path().join("record.wit")).unwrap();
        let record = contract::read(folder.path()).unwrap();
        assert_eq!(record.package, "bulkhead:plugin");
        assert_eq!(
            path.file_name().unwrap().to_str().unwrap(),
            format!("{}.wit", record.version)
        );
        seen += 1;
    }
    assert!(seen > 0, "nothing is recorded in {}", released.display());
}

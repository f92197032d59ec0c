//! From nothing to a component, for every kind of plugin: `bulkhead plugin new` and `bulkhead plugin build`.

use bulkhead_manifest::Kind;
use bulkhead_tests::target;
use bulkhead_toolchain::build::{self, Options};
use bulkhead_toolchain::{scaffold, target as wasm};

#[test]
fn a_new_plugin_of_every_kind_builds_to_a_component() {
    let place = tempfile::tempdir().unwrap();
    wasm::ensure(place.path(), &mut |_| {}).unwrap();
    let mut options = Options::new(place.path().join("out"));
    options.target_dir = Some(target().join("wasm-new"));
    for kind in Kind::ALL {
        let name = format!("my-{kind}");
        let folder = place.path().join(&name);
        scaffold::new(kind, &name, &folder, &scaffold::sdk()).unwrap();
        let built = build::plugin(&folder, &options, &mut |_| {})
            .unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert_eq!(built.path, options.out.join(format!("{name}.wasm")));
        let component = std::fs::read(&built.path).unwrap();
        let manifest = bulkhead_manifest::read_section(&component).unwrap();
        assert_eq!((manifest.id, manifest.kind), (name, kind));
        for path in [place.path(), &scaffold::sdk()] {
            let path = path.to_str().unwrap().as_bytes();
            let leaked = component.windows(path.len()).any(|window| window == path);
            assert!(
                !leaked,
                "{kind}: the component names a folder of this machine"
            );
        }

        let again = build::plugin(&folder, &options, &mut |_| {}).unwrap();
        assert!(built.changed && !again.changed, "{kind}");
        assert_eq!(built.digest, again.digest);
    }
}

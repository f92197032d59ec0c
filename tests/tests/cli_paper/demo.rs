//! The demo, as `cargo xtask demo` runs it.

use crate::cli::{Place, finish};
use crate::small::{PAPER, command, text, without_models};
use bulkhead_tests::root;
use serde_json::Value;

#[test]
fn the_demo_shows_what_it_is_there_to_show() {
    let place = Place::new();
    let config = root().join("examples/demo/demo.toml");
    let arguments = ["paper", "--config", text(&config), "--out", "out", "--json"];
    let said = finish(command(&place, &arguments)).json();
    assert_eq!(said["ending"], "completed");
    let controls = said["controls"].as_array().unwrap();
    assert_eq!(controls.len(), 2);
    assert!(controls.iter().all(|one| one["passed"] == true), "{said}");

    let report = std::fs::read(place.path("out/report.json")).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    let main = &report["main"];
    assert_eq!(main["digest"], said["digest"]);
    assert_eq!(main["benchmarks"].as_array().unwrap().len(), 2);
    assert_eq!(report["without_validation"]["ending"], "completed");
    let models = main["models"].as_array().unwrap();
    // Seven on each of three instruments; of four of them two versions.
    assert_eq!(models.len(), 3 * (7 + 4));
    assert!(models.iter().all(|model| !model["skill"].is_null()));

    // One plugin panics, is named and started again, and the others go on.
    let [incident, back] = main["incidents"].as_array().unwrap().as_slice() else {
        panic!("{}", main["incidents"]);
    };
    let back = back["consequence"].as_str().unwrap();
    assert!(back.starts_with("a fresh instance takes over"), "{back}");
    assert_eq!(incident["plugin"], "fire-drill");
    let text = incident["text"].as_str().unwrap();
    assert!(text.contains("instance.on-bar panicked: "), "{text}");
    let fills = main["fills"].as_array().unwrap().iter();
    assert!(
        fills
            .filter(|fill| fill["time"].as_i64() > incident["time"].as_i64())
            .count()
            > 10
    );

    // One order is beyond the host's limit, another beyond a rule's.
    let denial = |source: &str| {
        let proposals = main["proposals"].as_array().unwrap().iter();
        let mut verdicts = proposals.flat_map(|one| one["verdicts"].as_array().unwrap());
        let found = verdicts.find(|one| one["source"] == source && one["verdict"] == "reject");
        let amount = |key: &str| {
            found.unwrap()[key]
                .as_str()
                .unwrap()
                .parse::<f64>()
                .unwrap()
        };
        (amount("observed"), amount("limit"))
    };
    assert_eq!(denial("host:size"), (1e9, 1e6));
    let (observed, limit) = denial("limits");
    assert!(observed > limit && limit == 25_000.0, "{observed} {limit}");

    let page = std::fs::read_to_string(place.path("out/report.html")).unwrap();
    for part in ["Simulated", "historical replay", "Survivors."] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn a_control_that_comes_out_wrong_fails_the_command_and_the_report_says_so() {
    let place = Place::new();
    let plain = without_models();
    place.write("control.toml", &plain);
    let control = "[[controls]]\nname = \"nothing to find\"\nconfig = \"control.toml\"\n";
    place.write(
        "session.toml",
        format!("{plain}\n{control}expect = \"found-and-traded\"\n"),
    );
    let mut arguments = PAPER.to_vec();
    arguments.push("--json");
    let ran = finish(command(&place, &arguments));
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (
            1,
            "error: control \"nothing to find\" came out wrong: it must be found and traded; do not trust this \
             build's models; see the report\n"
        )
    );
    let report = std::fs::read(place.path("out/report.json")).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(report["controls"][0]["passed"], false);

    arguments.push("--no-controls");
    assert_eq!(finish(command(&place, &arguments)).code, 0);
}

//! Every mistake in a configuration or a data file is one line.

use crate::cli::Place;
use crate::small::{assert_refused, paper, states, with};
use bulkhead_tests::plugin;
use std::path::PathBuf;

#[test]
fn every_mistake_in_a_configuration_is_one_line() {
    let place = Place::new();
    let data = place.path("data");
    std::fs::create_dir(&data).unwrap();
    let broken = place.path("broken.wasm");
    std::fs::write(&broken, b"\0asm no component").unwrap();
    let old = old_api(&place);
    let cases: Vec<(String, &[&str])> = vec![
        (
            with("[validation]\n", "[validation]\nvetoo = true\n"),
            &["vetoo", "session.toml", "line 38"],
        ),
        (
            with("cash = \"100000\"", "cash = \"many\""),
            &["many", "line 3"],
        ),
        (with("cash = \"100000\"", "cash = 0"), &["cash is 0"]),
        (
            with("name = \"small\"", "name = small"),
            &["session.toml", "line 1"],
        ),
        (
            with("seed = 5", "from = \"2000-13-01\""),
            &["'2000-13-01' is not a date"],
        ),
        (
            with("seed = 5", "from = \"2040-01-01\""),
            &["no bar lies between"],
        ),
        (
            with("symbols = [\"AAA\"]\nconfig", "symbols = [\"XYZ\"]\nconfig"),
            &["no symbol XYZ", "use one of: AAA"],
        ),
        (
            with(
                "symbols = [\"AAA\"]\nconfig = { fast",
                "symbols = [\"XYZ\"]\nconfig = { fast",
            ),
            &["strategy ema-cross trades XYZ", "use one of: AAA"],
        ),
        (with("\"rsi_14\"", "\"rsi_fourteen\""), &["rsi_fourteen"]),
        (
            with("model = \"direction\"", "model = \"magic\""),
            &[
                "strategy ml-signal needs model magic",
                "there is: direction",
            ],
        ),
        (
            with("\"logistic-regression\"", "\"oracle\""),
            &["linfa has no classifier oracle", "random-forest"],
        ),
        (
            with("alpha = 1.0", "alfa = 1.0"),
            &["no hyper-parameter alfa", "alpha"],
        ),
        (
            with("alpha = 1.0", "alpha = \"much\""),
            &["hyper-parameter alpha", "\"much\"", "use a number from"],
        ),
        (
            with("alpha = 1.0", "alpha = -1.0"),
            &["hyper-parameter alpha", "-1", "use a number from"],
        ),
        (with("fast = 5", "fats = 5"), &["ema-cross", "fats"]),
        (
            with("fast = 5", "fast = 30"),
            &["ema-cross", "`slow`", "fast"],
        ),
        (
            with("bars = 500", "bars = \"all\""),
            &["synthetic", "/bars"],
        ),
        (
            with("max-gross-exposure", "max-gross-exposition"),
            &["limits", "max-gross-exposition"],
        ),
        (
            with("plugin = \"ema-cross\"", "plugin = \"linfa\""),
            &["linfa", "model", "strategy"],
        ),
        (
            with("plugin = \"limits\"", "plugin = \"paper\""),
            &["paper", "broker", "risk-rule"],
        ),
        (
            with(
                "[broker]\nplugin = \"paper\"",
                "[broker]\nplugin = \"rulebook\"",
            ),
            &["rulebook", "ai-provider", "broker"],
        ),
        (
            with("plugin = \"linfa\"", "plugin = \"ema-cross\""),
            &["ema-cross", "strategy", "model"],
        ),
        (
            with("plugin = \"rulebook\"", "plugin = \"csv\""),
            &["csv", "data-source", "ai-provider"],
        ),
        (
            with(
                "plugin = \"rulebook\"",
                "plugin = \"rulebook\"\nmodel = \"gpt\"",
            ),
            &["no model gpt", "use one of: rulebook"],
        ),
        (
            with("plugin = \"ema-cross\"", "plugin = \"nobody\""),
            &["there is no plugin nobody", "use one of:", "ema-cross"],
        ),
        (
            with("plugin = \"ema-cross\"", "plugin = \"nowhere.wasm\""),
            &["nowhere.wasm", "No such file"],
        ),
        (
            with("plugin = \"ema-cross\"", &format!("plugin = {broken:?}")),
            &["broken.wasm"],
        ),
        (
            with("plugin = \"ema-cross\"", &format!("plugin = {old:?}")),
            &["built for API 9.0, this host speaks 0.1", "old.wasm"],
        ),
        (
            with("name = \"ml-signal\"", "name = \"ema-cross\""),
            &["two strategies are named ema-cross"],
        ),
    ];
    for (session, parts) in cases {
        let ran = paper(&place, &session);
        println!("{}", ran.err);
        assert_refused(&place, &ran, 2, parts);
        let somewhere = ["session.toml", ".wasm", "target/plugins"];
        assert!(
            somewhere.iter().any(|file| ran.err.contains(file)),
            "{}",
            ran.err
        );
    }
    // Not one of them is left as a session that runs.
    let states = states(&place);
    assert!(states.iter().all(|state| state == "failed"), "{states:?}");
}

/// A component that says it was made for another contract.
fn old_api(place: &Place) -> PathBuf {
    let manifest = bulkhead_manifest::read_section(&std::fs::read(plugin("ema-cross")).unwrap());
    let mut manifest = serde_json::to_value(manifest.unwrap()).unwrap();
    manifest["api"] = "9.0".into();
    let mut component = wat::parse_str("(component)").unwrap();
    wasm_encoder::ComponentSection::append_to_component(
        &wasm_encoder::CustomSection {
            name: bulkhead_manifest::SECTION.into(),
            data: serde_json::to_vec(&manifest).unwrap().into(),
        },
        &mut component,
    );
    place.write("old.wasm", component);
    place.path("old.wasm")
}

const HEADER: &str = "Date,Open,High,Low,Close,Volume,Adj Close\n";

#[test]
fn every_mistake_in_a_data_file_is_one_line() {
    let place = Place::new();
    let bars = |file: &str| {
        with(
            "plugin = \"synthetic\"\ndataset = \"synthetic\"",
            &format!("plugin = \"csv\"\nfolder = \"data\"\ndataset = \"{file}\""),
        )
        .replacen(
            "config = { seed = 11, bars = 500, symbols = [\"AAA\"], signal = { planted = { strength = 0.3 } } }",
            &format!("config = {{ file = \"{file}\", symbol = \"AAA\" }}"),
            1,
        )
    };
    let ran = paper(&place, &bars("bars.csv"));
    assert_refused(&place, &ran, 2, &["folder", "does not exist", "data"]);
    std::fs::create_dir(place.path("data")).unwrap();
    let ran = paper(&place, &bars("bars.csv"));
    assert_refused(&place, &ran, 2, &["bars.csv"]);
    let good = "2000-03-01,1,2,0.5,1.5,100,1.5\n";
    for (content, parts) in [
        (String::new(), &["bars.csv", "empty"][..]),
        (HEADER.to_owned(), &["bars.csv"]),
        (
            format!("{HEADER}{good}"),
            &["AAA has one bar only", "at least two"],
        ),
        (
            format!("Day,First,Most,Least,Last,Traded,Adjusted\n{good}"),
            &["bars.csv", "no open, high, low and close columns"],
        ),
        (
            format!("{HEADER}{good}2000-03-02,1,two,0.5,1.5,100,1.5\n"),
            &["bars.csv", "line 3", "High", "two"],
        ),
        (
            format!("{HEADER}{good}03/02/2000,1,2,0.5,1.5,100,1.5\n"),
            &["bars.csv", "line 3", "Date", "dates in two formats"],
        ),
    ] {
        place.write("data/bars.csv", &content);
        let ran = paper(&place, &bars("bars.csv"));
        println!("{}", ran.err);
        assert_refused(&place, &ran, 2, parts);
    }
}

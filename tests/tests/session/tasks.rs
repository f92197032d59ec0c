//! Who is asked: the orchestrator's choice among AI providers and among data sources.

use crate::stand::{Stand, plain, table};
use bulkhead_session::SessionConfig;
use bulkhead_session::config::{ContextLevel, ProviderConfig, RegimeConfig, SourceConfig};
use bulkhead_session::record::SessionRecord;
use std::collections::BTreeSet;

/// [`plain`] with two providers that the class's policy chooses between.
fn two(policy: &str) -> SessionConfig {
    let mut config = plain();
    let class = toml::from_str(&format!("selection = {{ policy = \"{policy}\" }}")).unwrap();
    config.tasks.insert("validation".to_owned(), class);
    let validation = config.validation.as_mut().unwrap();
    validation.plugin = None;
    validation.candidates = ["one", "other"]
        .map(|name| ProviderConfig {
            name: Some(name.to_owned()),
            plugin: "rulebook".to_owned(),
            config: toml::Table::new(),
            model: None,
        })
        .to_vec();
    validation.contexts = vec![ContextLevel::Instrument, ContextLevel::Regime];
    validation.regime = Some(RegimeConfig {
        feature: "volatility_20".to_owned(),
        edges: vec![0.01],
    });
    config
}

/// Who judged entries.
fn judges(record: &SessionRecord) -> BTreeSet<String> {
    let verdicts = record.proposals.iter().flat_map(|one| &one.verdicts);
    let judged = verdicts.filter_map(|verdict| verdict.source.strip_prefix("ai:"));
    judged.map(str::to_owned).collect()
}

#[test]
fn providers_are_drawn_between_and_a_session_that_is_repeated_asks_the_same_ones() {
    let stand = Stand::new();
    let mut config = two("thompson-sampling");
    let class = config.tasks.get_mut("validation").unwrap();
    class.shadow = bulkhead_orchestrator::choice::Shadow::Explore;
    let record = stand.record(&config);
    let both = ["rulebook/one", "rulebook/other"].map(str::to_owned);
    assert_eq!(judges(&record), BTreeSet::from(both));
    // Every judged entry names the choice of its judge.
    for proposal in &record.proposals {
        let judged = proposal
            .verdicts
            .iter()
            .any(|it| it.source.starts_with("ai:"));
        let chosen = proposal
            .choices
            .iter()
            .any(|it| it.decision.starts_with("c-"));
        assert_eq!(judged, chosen, "{proposal:?}");
    }
    assert_eq!(stand.record(&config).digest, record.digest);
    let mut other = config.clone();
    other.seed += 1;
    assert_ne!(stand.record(&other).digest, record.digest);
}

#[test]
fn the_first_named_judges_all_where_nobody_says_otherwise() {
    let stand = Stand::new();
    let record = stand.record(&two("priority"));
    assert_eq!(judges(&record), BTreeSet::from(["rulebook/one".to_owned()]));
}

#[test]
fn a_wrong_task_table_is_one_line_that_says_what_there_is() {
    let stand = Stand::new();
    let refused = |change: &dyn Fn(&mut SessionConfig)| {
        let mut config = two("priority");
        change(&mut config);
        stand.try_prepare(config).err().unwrap().to_string()
    };
    let said = refused(&|config| {
        config
            .tasks
            .get_mut("validation")
            .unwrap()
            .fallbacks
            .general = vec!["nobody/x".to_owned()];
    });
    assert!(
        said.contains("[tasks.validation] 'general' names 'nobody/x'"),
        "{said}"
    );
    let said = refused(&|config| {
        config.validation.as_mut().unwrap().candidates[1].name = Some("one".to_owned());
    });
    assert!(said.contains("are called rulebook/one"), "{said}");
    let said = refused(&|config| {
        let class = config.tasks["validation"].clone();
        config.tasks.insert("direction".to_owned(), class);
    });
    assert!(said.contains("there are: validation, data"), "{said}");
    let said = refused(&|config| {
        config.tasks.get_mut("validation").unwrap().budget.all.calls = Some(1);
    });
    assert!(said.contains("kept nowhere has a budget"), "{said}");
}

#[test]
fn bars_come_from_an_alternative_where_the_first_source_does_not_deliver() {
    let stand = Stand::new();
    let mut config = plain();
    let direct = stand.record(&config);
    for data in &mut config.data {
        // The synthetic source behind one that knows no such symbol.
        data.alternatives.push(SourceConfig {
            plugin: data.plugin.clone(),
            config: data.config.clone(),
            folder: None,
            dataset: data.dataset.clone(),
        });
        data.config = table("seed = 1\nbars = 50\ncalendar = \"XNYS\"\nsymbols = [\"ZZZ\"]");
        data.dataset = "synthetic".to_owned();
    }
    // Two candidates of one name are told apart by nobody.
    let same = stand.try_prepare(config.clone()).err().unwrap().to_string();
    assert!(
        same.contains("two candidates of the task class data"),
        "{same}"
    );
    for data in &mut config.data {
        data.plugin = "csv".to_owned();
        data.config = table("file = \"stocks-daily.csv\"");
        data.folder = Some("examples/data".into());
        data.dataset = "stocks-daily.csv".to_owned();
    }
    let fallen_back = stand.record(&config);
    assert_eq!(fallen_back.fills.len(), direct.fills.len());
    let data = |record: &SessionRecord| {
        let inputs = record.inputs.iter().filter(|input| input.kind == "data");
        inputs.cloned().collect::<Vec<_>>()
    };
    assert_eq!(data(&fallen_back), data(&direct));
    // Who did not deliver is no input.
    assert!(
        !fallen_back
            .inputs
            .iter()
            .any(|input| input.name.starts_with("csv "))
    );

    for data in &mut config.data {
        data.alternatives[0].config =
            table("seed = 1\nbars = 50\ncalendar = \"XNYS\"\nsymbols = [\"ZZZ\"]");
    }
    let nobody = stand.try_prepare(config).err().unwrap().to_string();
    for part in [
        "csv/stocks-daily.csv: ",
        "synthetic/synthetic: ",
        "no symbol AAA",
    ] {
        assert!(nobody.contains(part), "{nobody}");
    }
}

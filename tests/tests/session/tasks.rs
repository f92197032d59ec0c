//! Who is asked: the orchestrator's choice among AI providers and among data sources.

use crate::stand::{Stand, Unwatched, plain, table};
use bulkhead_orchestrator::cache::CacheConfig;
use bulkhead_orchestrator::rewards::{Rewards, names};
use bulkhead_session::config::{
    ContextLevel, ProviderConfig, RegimeConfig, SourceConfig, StrategyConfig,
};
use bulkhead_session::record::SessionRecord;
use bulkhead_session::{SessionConfig, runs};
use bulkhead_store::{Store, StoreError, column, wait};
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

/// Everything that was heard of providers, entry by entry, of all runs in a store.
fn heard(store: &Store) -> Vec<serde_json::Value> {
    let bodies = wait(async {
        const SQL: &str = "SELECT body FROM audit_log WHERE kind = 'advice' ORDER BY sequence";
        let rows = sqlx::query(SQL).fetch_all(store.pool()).await;
        let rows = rows.map_err(|error| StoreError::of_statement(SQL, &error))?;
        let body = |row| column::<String>(row, "body");
        rows.iter().map(body).collect::<Result<Vec<_>, _>>()
    });
    let asked = |body: &String| serde_json::from_str::<Vec<Vec<serde_json::Value>>>(body).unwrap();
    let asked = bodies.unwrap().iter().flat_map(asked).collect::<Vec<_>>();
    asked.into_iter().flatten().collect()
}

#[test]
fn a_session_whose_budget_was_spent_is_resumed_and_comes_to_the_same_end() {
    let mut config = two("priority");
    let class = config.tasks.get_mut("validation").unwrap();
    let calls = |calls| bulkhead_orchestrator::budget::Limits {
        calls: Some(calls),
        ..Default::default()
    };
    class
        .budget
        .each
        .insert("rulebook/one".to_owned(), calls(2));
    class.budget.all = calls(5);
    let stand = Stand::new();
    let store = stand.store();
    let whole = stand.kept(&config, &store, &mut Unwatched).record;
    let refused: Vec<_> = heard(&store)
        .into_iter()
        .filter(|it| it.get("excluded").is_some())
        .map(|it| it["label"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(refused.first().unwrap(), "rulebook/one");
    assert!(refused.contains(&"rulebook/other".to_owned()));
    assert_eq!(judges(&whole).len(), 3, "{:?}", judges(&whole));

    let other = Stand::new();
    let store = other.store();
    other.cut_short(&config, &store, 1_300);
    let before = heard(&store);
    assert!(before.iter().any(|it| it.get("excluded").is_some()));
    let resumed = other.kept(&config, &store, &mut Unwatched).record;
    assert_eq!(resumed.digest, whole.digest);
    assert_eq!(heard(&store)[..before.len()], before);
}

#[test]
fn how_long_providers_took_in_one_session_decides_in_the_next() {
    let config = two("least-latency");
    let stand = Stand::new();
    let store = stand.store();
    let latencies = |record: &SessionRecord| {
        let inputs = record.inputs.iter().filter(|it| it.kind == "latency");
        inputs.map(|it| it.name.clone()).collect::<Vec<_>>()
    };
    // Nobody was timed yet: whoever was named first is, and the other is untried in the next session.
    let first = stand.kept(&config, &store, &mut Unwatched).record;
    assert!(latencies(&first).is_empty());
    assert_eq!(judges(&first), BTreeSet::from(["rulebook/one".to_owned()]));
    let second = stand.kept(&config, &store, &mut Unwatched).record;
    assert_eq!(latencies(&second), ["rulebook/one"]);
    assert!(judges(&second).contains("rulebook/other"));
    // One that is resumed goes on with what it began with, whatever has been measured since.
    let third = stand.kept(&config, &store, &mut Unwatched).record;
    assert_eq!(latencies(&third), ["rulebook/one", "rulebook/other"]);
    stand.cut_short(&config, &store, 1_300);
    let runs = || wait(runs(&store)).unwrap();
    let unfinished = runs().into_iter().find(|run| run.state == "running");
    let resumed = stand.kept(&config, &store, &mut Unwatched);
    assert_eq!(resumed.run, unfinished.map(|run| run.run));
    assert!(runs().iter().all(|run| run.state == "completed"));
}

#[test]
fn equal_questions_are_answered_again_also_after_a_resumption() {
    let mut config = two("priority");
    let twin = StrategyConfig {
        name: "twin".to_owned(),
        ..config.strategies[0].clone()
    };
    config.strategies.push(twin);
    let class = config.tasks.get_mut("validation").unwrap();
    class.cache = Some(CacheConfig::default());
    let stand = Stand::new();
    let store = stand.store();
    let whole = stand.kept(&config, &store, &mut Unwatched).record;
    let all = heard(&store);
    let again = all.iter().filter(|it| it.get("cached").is_some());
    assert!(again.count() * 2 >= all.len(), "{all:?}");
    let other = Stand::new();
    let store = other.store();
    other.cut_short(&config, &store, 1_000);
    let resumed = other.kept(&config, &store, &mut Unwatched).record;
    assert_eq!(resumed.digest, whole.digest);
    let asked = |heard: &[serde_json::Value]| {
        let told = |it: &serde_json::Value| (it["label"].clone(), it.get("cached").cloned());
        heard.iter().map(told).collect::<Vec<_>>()
    };
    assert_eq!(asked(&heard(&store)), asked(&all));
}

#[test]
fn what_only_teaches_about_a_source_stays_out_of_the_catalog_and_less_earns_less() {
    let stand = Stand::new();
    let store = stand.store();
    let mut config = plain();
    let direct = stand.record(&config);
    let bars = stand.bars("AAA");
    for data in &mut config.data {
        let mut truncated = data.config.clone();
        truncated.insert("bars".to_owned(), toml::Value::Integer(300));
        data.alternatives.push(SourceConfig {
            name: Some("truncated".to_owned()),
            plugin: data.plugin.clone(),
            config: truncated,
            folder: None,
            dataset: data.dataset.clone(),
        });
    }
    let class = toml::from_str("shadow = \"all\"").unwrap();
    config.tasks.insert("data".to_owned(), class);
    let record = stand.kept(&config, &store, &mut Unwatched).record;
    assert_eq!(record.fills.len(), direct.fills.len());
    assert_eq!(stand.bars("AAA").digest, bars.digest);
    let names = wait(names(&store)).unwrap();
    let rewards = wait(async {
        Ok::<_, StoreError>(Rewards::load(&store, None, "", Default::default()).await)
    });
    for standing in rewards.unwrap().unwrap().standings("data") {
        let (label, _) = &names[&standing.candidate];
        let whole = label == "synthetic/synthetic";
        // One observation borrows as much again from the class.
        assert_eq!(standing.value.value > 0.7, whole, "{label} {standing:?}");
    }
    // A cache that nothing would ever be taken from is refused.
    config.tasks.get_mut("data").unwrap().cache = Some(CacheConfig::default());
    let refused = stand.try_prepare(config).err().unwrap().to_string();
    assert!(refused.contains("[tasks.data] has a cache"), "{refused}");
}

#[test]
fn two_folders_with_one_file_name_are_told_apart_by_name() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let stand = Stand::new();
    let mut config = plain();
    config.data.truncate(1);
    config.strategies[0].symbols = None;
    let data = &mut config.data[0];
    data.plugin = "csv".to_owned();
    data.config = table("file = \"stocks-daily.csv\"");
    data.dataset = "stocks-daily.csv".to_owned();
    data.folder = Some(folders[0].path().to_owned());
    data.symbols = vec!["IBM".to_owned()];
    let source = bulkhead_tests::root().join("examples/data/stocks-daily.csv");
    for folder in &folders {
        std::fs::copy(&source, folder.path().join("stocks-daily.csv")).unwrap();
    }
    data.alternatives = vec![SourceConfig {
        name: None,
        plugin: data.plugin.clone(),
        config: data.config.clone(),
        folder: Some(folders[1].path().to_owned()),
        dataset: data.dataset.clone(),
    }];
    let refused = stand.try_prepare(config.clone()).err().unwrap().to_string();
    assert!(refused.contains("give one of them a `name`"), "{refused}");
    config.data[0].alternatives[0].name = Some("spare".to_owned());
    stand.prepare(&config);
}

#[test]
fn bars_come_from_an_alternative_where_the_first_source_does_not_deliver() {
    let stand = Stand::new();
    let mut config = plain();
    let direct = stand.record(&config);
    for data in &mut config.data {
        // The synthetic source behind one that knows no such symbol.
        data.alternatives.push(SourceConfig {
            name: None,
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

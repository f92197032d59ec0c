//! `bulkhead statement`: the figures of the report, from what was kept.

use crate::cli::{Place, Ran, finish};
use crate::small::{PAPER, assert_refused, command, names, paper, text, without_models};
use bulkhead_domain::Decimal;
use bulkhead_tests::root;
use serde_json::Value;
use std::collections::BTreeSet;

/// Shares with a split and dividends, and an artificial one that is sold short as well.
const SESSION: &str = r#"name = "stated"
seed = 5
cash = "100000"
from = "2003-06-02"
to = "2006-02-28"
features = ["return_1", "return_5", "volatility_20", "rsi_14", "volume_z_20", "sma_ratio_50"]
cost-basis = "BASIS"

[[data]]
plugin = "csv"
folder = "DATA"
dataset = "stocks-daily.csv"
symbols = ["AAPL", "IBM"]
config = { file = "stocks-daily.csv" }

[[data]]
plugin = "synthetic"
dataset = "synthetic"
symbols = ["AAA"]
config = { seed = 11, bars = 700, start = "2003-06-02", calendar = "XNYS", symbols = ["AAA"], signal = { planted = { strength = 0.3 } } }

[models.direction]
window = 150
refit-every = 40
min-samples = 80
judged-by = 400
confidence = 0.95

[[models.direction.candidates]]
plugin = "baseline"
algorithm = "momentum"

[[strategies]]
name = "ema-cross"
plugin = "ema-cross"
symbols = ["AAPL", "IBM"]
config = { fast = 10, slow = 40, size = "101" }

[[strategies]]
name = "ml-signal"
plugin = "ml-signal"
symbols = ["AAA"]
config = { model = "direction", threshold = 0.55, weight = 0.2, short = true }

[[risk]]
plugin = "limits"
config = { max-gross-exposure = "1" }

[broker]
plugin = "paper"

[broker.config]
fees = { model = "per-share", rate = "0.005", minimum = "1" }
short-borrow-rate = "0.08"
cash-interest-rate = "0.03"
"#;

fn session(basis: &str) -> String {
    SESSION
        .replace("DATA", text(&root().join("examples/data")))
        .replace("BASIS", basis)
}

fn statement(place: &Place, arguments: &[&str]) -> Ran {
    let mut all = vec!["statement"];
    all.extend(arguments);
    finish(command(place, &all))
}

fn amount(value: &Value) -> Decimal {
    value.as_str().unwrap().parse().unwrap()
}

fn cents(value: Decimal) -> Decimal {
    value.round_dp(2)
}

/// Rows of a CSV file, by column.
fn rows(place: &Place, file: &str) -> Vec<Value> {
    let content = std::fs::read_to_string(place.path(file)).unwrap();
    let content = content
        .strip_suffix("\r\n")
        .unwrap_or_else(|| panic!("the last line of {file} is not ended"));
    let mut lines = content.split("\r\n");
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            assert_eq!(cells.len(), header.len(), "{line}");
            let cells = header.iter().zip(cells);
            Value::Object(
                cells
                    .map(|(name, cell)| ((*name).to_owned(), Value::from(cell)))
                    .collect(),
            )
        })
        .collect()
}

#[test]
fn a_statement_says_to_the_cent_what_the_report_says() {
    for basis in ["average", "fifo"] {
        let place = Place::new();
        let ran = paper(&place, &session(basis));
        assert_eq!(ran.code, 0, "{}", ran.err);
        let report = std::fs::read(place.path("out/report.json")).unwrap();
        let report: Value = serde_json::from_slice(&report).unwrap();
        let main = &report["main"];
        let totals = &main["totals"];
        // All that the session is there for has happened.
        let mut trades = main["trades"].as_array().unwrap().iter();
        assert!(
            trades.any(|one| one["side"] == "sell"),
            "nothing was sold short"
        );
        for name in ["fees", "dividends", "borrow_fees", "interest"] {
            assert!(amount(&totals[name]) > Decimal::ZERO, "{name}: {totals}");
        }

        let files = ["--trades", "trades.csv", "--daily", "daily.csv"];
        let said = statement(&place, &[&["--json"], &files[..]].concat()).json();
        let stated = &said["statement"];
        let flow = |name: &str| amount(&stated["flows"][name]);
        let total = |name: &str| amount(&totals[name]);
        assert_eq!(
            cents(amount(&stated["closing"])),
            cents(total("final_equity"))
        );
        assert_eq!(cents(flow("fees")), cents(-total("fees")));
        assert_eq!(cents(flow("dividends")), cents(total("dividends")));
        assert_eq!(cents(flow("borrow")), cents(-total("borrow_fees")));
        assert_eq!(cents(flow("interest")), cents(total("interest")));
        assert_eq!(flow("deposits"), Decimal::from(100_000));
        let flows = stated["flows"].as_object().unwrap().values().map(amount);
        assert_eq!(flows.sum::<Decimal>(), amount(&stated["closing"]));
        assert_eq!(said["run"]["state"], "completed");

        let trades = rows(&place, "trades.csv");
        assert_eq!(said["trades"], trades.len());
        let sum = |name: &str| trades.iter().map(|row| amount(&row[name])).sum::<Decimal>();
        assert_eq!(sum("gross"), flow("realised"));
        assert_eq!(sum("gross") - sum("fees"), sum("net"));
        let sides: BTreeSet<_> = trades
            .iter()
            .map(|row| row["side"].as_str().unwrap())
            .collect();
        assert_eq!(sides, ["buy", "sell"].into());
        // 101 shares were held over Apple's split: what was sold of them is counted in new ones.
        assert!(
            trades
                .iter()
                .any(|row| row["symbol"] == "AAPL" && row["quantity"] == "202"),
            "{trades:?}"
        );

        let daily = rows(&place, "daily.csv");
        let times = main["equity"]["times"].as_array().unwrap();
        assert_eq!(daily.len(), times.len());
        let equity = main["equity"]["equity"].as_array().unwrap();
        for (row, equity) in daily.iter().zip(equity) {
            let near = amount(&row["equity"]).to_string().parse::<f64>().unwrap();
            assert!((near - equity.as_f64().unwrap()).abs() < 0.005, "{row}");
        }
        let count = |name: &str| daily.iter().map(|row| amount(&row[name])).sum::<Decimal>();
        assert_eq!(count("fees"), total("fees"));
        assert_eq!(
            count("fills"),
            Decimal::from(totals["fills"].as_u64().unwrap())
        );
        assert_eq!(
            count("orders"),
            Decimal::from(totals["orders"].as_u64().unwrap())
        );

        // For people, the same figures; of some days, those of these days.
        let told = statement(&place, &[]);
        assert_eq!((told.code, told.err.as_str()), (0, ""));
        for figure in [amount(&stated["closing"]), flow("borrow"), flow("realised")] {
            assert!(
                told.out.contains(&format!("{:.2}", cents(figure))),
                "{}",
                told.out
            );
        }
        for part in ["opening, ", "closing, ", "AAPL", "IBM", "AAA", "it adds up"] {
            assert!(told.out.contains(part), "{part}: {}", told.out);
        }
        let month = ["--json", "--from", "2005-02-01", "--to", "2005-02-28"];
        let month = statement(&place, &month).json();
        assert_eq!(month["sessions"], 19);
        let before = &main["equity"]["equity"][times
            .iter()
            .position(|time| time.as_i64() > Some(1_107_216_000_000_000_000))
            .unwrap()
            - 1];
        let opening = amount(&month["statement"]["opening"]).to_string();
        let off = opening.parse::<f64>().unwrap() - before.as_f64().unwrap();
        assert!(off.abs() < 0.005, "{opening} and {before}");
        assert_eq!(
            names(&place.path("."))
                .iter()
                .filter(|name| name.contains("partial"))
                .count(),
            0
        );
    }
}

#[test]
fn the_newest_run_is_stated_unless_one_is_named() {
    let place = Place::new();
    for seed in ["5", "6"] {
        let session = without_models().replacen("seed = 5", &format!("seed = {seed}"), 1);
        let ran = paper(&place, &session);
        assert_eq!(ran.code, 0, "{}", ran.err);
    }
    let runs = statement(&place, &["--list", "--json"]).json();
    let runs = runs["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    let newest = statement(&place, &["--json"]).json();
    assert_eq!(newest["run"], runs[0]);
    let older = runs[1]["run"].as_str().unwrap();
    let named = statement(&place, &["--json", "--run", older]).json();
    assert_eq!(named["run"], runs[1]);
    let listed = statement(&place, &["--list"]);
    let lines: Vec<_> = listed.out.lines().collect();
    let line = |run: &Value| {
        let run = run["run"].as_str().unwrap();
        lines.iter().position(|line| line.contains(run)).unwrap()
    };
    assert!(line(&runs[0]) < line(&runs[1]), "{}", listed.out);
}

#[test]
fn every_mistake_is_one_line() {
    let place = Place::new();
    let none = statement(&place, &[]);
    assert_refused(&place, &none, 2, &["no database", "bulkhead.db", "--state"]);
    assert!(!place.path("state").exists(), "asking makes nothing");
    let ran = paper(&place, &without_models());
    assert_eq!(ran.code, 0, "{}", ran.err);
    std::fs::rename(place.path("out"), place.path("report")).unwrap();
    place.write("old.csv", "what was there");
    let cases: [(&[&str], &[&str]); 9] = [
        (&["--run", "s-nobody.1"], &["no run s-nobody.1", "--list"]),
        (
            &["--from", "2001-02-30"],
            &["--from", "'2001-02-30' is not a date"],
        ),
        (&["--to", "soon"], &["--to", "'soon' is not a date"]),
        (
            &["--from", "2002-01-02", "--to", "2001-12-31"],
            &["--from 2002-01-02 comes after --to 2001-12-31"],
        ),
        (
            &["--to", "1999-12-31"],
            &["closed in these dates", "its closes are of 20"],
        ),
        (&["--list", "--to", "2001-12-31"], &["--list", "--to"]),
        (
            &["--trades", "one.csv", "--daily", "one.csv"],
            &["--trades and --daily name one file"],
        ),
        (
            &["--trades", "old.csv", "--daily", "nowhere/daily.csv"],
            &[
                "nowhere/daily.csv",
                "cannot be written",
                "nothing was changed",
            ],
        ),
        (
            &["--trades", "old.csv", "--daily", "report"],
            &["report", "cannot be written", "nothing was changed"],
        ),
    ];
    for (arguments, parts) in cases {
        let refused = statement(&place, arguments);
        println!("{}", refused.err);
        assert_refused(&place, &refused, 2, parts);
    }
    // All files or none.
    let old = std::fs::read_to_string(place.path("old.csv")).unwrap();
    assert_eq!(old, "what was there");
    let left = names(&place.path("."));
    assert!(
        left.iter()
            .all(|name| !name.contains("partial") && name != "one.csv"),
        "{left:?}"
    );

    // Books that were meddled with are not stated.
    let store = crate::small::store(&place);
    bulkhead_store::wait(async {
        sqlx::query("UPDATE ledger_postings SET amount = '1' WHERE entry = 2 AND line = 1")
            .execute(store.pool())
            .await
            .unwrap();
        store.close().await;
        Ok::<_, bulkhead_store::StoreError>(())
    })
    .unwrap();
    let broken = statement(&place, &["--trades", "old.csv"]);
    assert_refused(&place, &broken, 1, &["do not agree", "entry 2"]);
    let old = std::fs::read_to_string(place.path("old.csv")).unwrap();
    assert_eq!(old, "what was there");
}

#[test]
fn the_report_is_written_where_it_was() {
    // The statement reads the database alone: no report is needed, and none is touched.
    let place = Place::new();
    place.write("session.toml", without_models());
    assert_eq!(finish(command(&place, &PAPER)).code, 0);
    std::fs::remove_dir_all(place.path("out")).unwrap();
    assert_eq!(statement(&place, &[]).code, 0);
    assert_eq!(names(&place.path("out")), BTreeSet::new());
}

#[test]
fn a_crossed_bar_is_found_and_trades_as_if_it_had_never_come() {
    const LEFT_OUT: [&str; 2] = ["AAPL,2004-03-10,", "AAPL,2004-05-11,"];
    const CROSSED: [&str; 2] = [
        // The high below the low, and a close far outside both: either would fill whatever rests.
        "AAPL,2004-03-10,27,1,1000,27,10000000,1.8",
        "AAPL,2004-05-11,27,28,26,900,10000000,60",
    ];
    let all = std::fs::read_to_string(root().join("examples/data/stocks-daily.csv")).unwrap();
    let reports: Vec<Value> = [false, true]
        .into_iter()
        .map(|crossed| {
            let mut left = 0;
            let mut lines: Vec<&str> = all
                .lines()
                .filter(|line| {
                    let out = LEFT_OUT.iter().any(|row| line.starts_with(row));
                    left += usize::from(out);
                    !out
                })
                .collect();
            assert_eq!(left, LEFT_OUT.len());
            if crossed {
                lines.extend(CROSSED);
            }
            let place = Place::new();
            std::fs::create_dir(place.path("data")).unwrap();
            place.write("data/stocks-daily.csv", lines.join("\n") + "\n");
            let text = SESSION.replace("DATA", "data").replace("BASIS", "average");
            let ran = paper(&place, &text);
            assert_eq!(ran.code, 0, "{}", ran.err);
            assert_eq!(statement(&place, &[]).code, 0);
            let report = std::fs::read(place.path("out/report.json")).unwrap();
            serde_json::from_slice(&report).unwrap()
        })
        .collect();
    let dropped = |report: &Value| -> u64 {
        let instruments = report["main"]["instruments"].as_array().unwrap().iter();
        let found = instruments.flat_map(|one| one["cleaning"].as_array().unwrap());
        found
            .filter(|row| row[0] == "ohlc-violation" && row[1] == "dropped")
            .map(|row| row[2].as_u64().unwrap())
            .sum()
    };
    assert_eq!(dropped(&reports[1]), dropped(&reports[0]) + 2);
    let aapl = |report: &Value| {
        let instruments = report["main"]["instruments"].as_array().unwrap().iter();
        instruments
            .filter(|one| one["symbol"] == "AAPL")
            .map(|one| one["close"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(aapl(&reports[0]), aapl(&reports[1]));
    for what in ["equity", "totals"] {
        assert_eq!(reports[0]["main"][what], reports[1]["main"][what], "{what}");
    }
    assert!(reports[0]["main"]["totals"]["fills"].as_u64() > Some(0));
}

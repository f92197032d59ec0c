use super::*;
use bulkhead_sdk::testing;

const STOCKS: &str = "Ticker,Date,Open,High,Low,Close,Volume,Adj Close\n\
    AAPL,2000-03-01,118.56,132.06,118.5,130.31,9616100,4.18\n\
    AAPL,2000-03-02,127.0,127.94,120.69,122.0,2779100,3.91\n\
    MSFT,2000-03-01,89.62,94.09,88.94,90.81,106889800,29.4\n";

fn source(file: &str, text: &str) -> Csv {
    testing::set_files([(file, text)]);
    with(Config {
        file: file.into(),
        currency: usd(),
        venue: xnys(),
        calendar: xnys(),
        ..Config::default()
    })
}

fn with(config: Config) -> Csv {
    match Csv::new(config, &[]) {
        Ok(source) => source,
        Err(reason) => panic!("{reason}"),
    }
}

fn request(dataset: &str, symbol: &str) -> BarsRequest {
    BarsRequest {
        dataset: dataset.into(),
        symbol: symbol.into(),
        interval: DAY,
        first: None,
        last: None,
        page: None,
    }
}

fn series_request(dataset: &str, name: &str) -> SeriesRequest {
    SeriesRequest {
        dataset: dataset.into(),
        name: name.into(),
        first: None,
        last: None,
        page: None,
    }
}

fn ok<T>(result: Result<T, Error>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error:?}"),
    }
}

/// The text of an error that is the caller's mistake.
fn mistake<T>(result: Result<T, Error>) -> String {
    match result {
        Err(Error::InvalidInput(text)) => text,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("accepted"),
    }
}

#[test]
fn a_file_of_many_symbols_is_read_by_symbol() {
    let mut source = source("stocks.csv", STOCKS);
    let datasets = ok(source.datasets());
    assert_eq!(datasets[0].kind, DataKind::Bars);
    let page = ok(source.instruments("stocks.csv", None));
    let symbols: Vec<_> = page
        .instruments
        .iter()
        .map(|one| one.symbol.as_str())
        .collect();
    assert_eq!(symbols, ["AAPL", "MSFT"]);
    assert_eq!(page.instruments[0].calendar, "XNYS");

    let page = ok(source.bars(&request("stocks.csv", "AAPL")));
    assert_eq!(page.stamp, Stamp::Date);
    assert_eq!(page.bars.times, [11_017 * DAY, 11_018 * DAY]);
    assert_eq!(page.bars.open, [118.56, 127.0]);
    assert_eq!(page.bars.volume, [9_616_100.0, 2_779_100.0]);
    assert_eq!(page.adjusted_close, [4.18, 3.91]);
    assert_eq!(page.next, None);
    let page = ok(source.bars(&request("stocks.csv", "MSFT")));
    assert_eq!(page.bars.close, [90.81]);
}

#[test]
fn bounds_are_inclusive() {
    let mut source = source("stocks.csv", STOCKS);
    let mut request = request("stocks.csv", "AAPL");
    request.first = Some(11_018 * DAY);
    request.last = Some(11_018 * DAY);
    assert_eq!(ok(source.bars(&request)).bars.close, [122.0]);
    // A symbol without rows in the range is no unknown symbol.
    request.first = Some(20_000 * DAY);
    request.last = None;
    assert!(ok(source.bars(&request)).bars.times.is_empty());
}

#[test]
fn pages_put_together_are_the_whole() {
    let mut text = String::from("Ticker,Date,Open,High,Low,Close\r\n");
    for i in 0..12_345 {
        let (year, month, day) = (2_000 + i / 336, i / 28 % 12 + 1, i % 28 + 1);
        for symbol in ["A", "B"] {
            text.push_str(&format!(
                "{symbol},{year}-{month:02}-{day:02},1,1,1,{i}\r\n"
            ));
        }
    }
    let mut source = source("many.csv", &text);
    let mut request = request("many.csv", "B");
    let mut closes = Vec::new();
    let mut pages = 0;
    loop {
        let page = ok(source.bars(&request));
        assert!(page.bars.times.len() <= PAGE_ROWS);
        closes.extend(page.bars.close);
        pages += 1;
        request.page = page.next;
        if request.page.is_none() {
            break;
        }
    }
    assert_eq!(pages, 3);
    assert!(
        closes
            .iter()
            .enumerate()
            .all(|(i, close)| *close == i as f64)
    );
    assert_eq!(closes.len(), 12_345);
}

#[test]
fn a_file_of_one_symbol_has_the_files_name() {
    let mut source = source(
        "more/sp500-daily.csv",
        "Date,Open,High,Low,Close,Adj Close,Volume\r\n1/4/1999,1,2,1,2,2,100\r\n1/29/1999,2,3,2,3,3,\r\n",
    );
    let page = ok(source.bars(&request("more/sp500-daily.csv", "SP500-DAILY")));
    assert_eq!(page.bars.close, [2.0, 3.0]);
    assert!(page.bars.volume[1].is_nan());
    let text = mistake(source.bars(&request("more/sp500-daily.csv", "SPX")));
    assert!(text.contains("it has SP500-DAILY"), "{text}");
}

#[test]
fn other_columns_are_series() {
    let mut source = source(
        "rates.csv",
        "Date,AAA,BAA\n1/1/1919,5.35,-\n2/1/1919,.,7.2\n",
    );
    let dataset = &ok(source.datasets())[0];
    assert_eq!(dataset.kind, DataKind::Series);
    assert_eq!(dataset.extra[0].1.as_text(), Some("AAA,BAA"));
    let page = ok(source.series(&series_request("rates.csv", "AAA")));
    assert_eq!(page.values[0], 5.35);
    assert!(page.values[1].is_nan());
    let other = ok(source.series(&series_request("rates.csv", "BAA")));
    assert!(other.values[0].is_nan());
    assert_eq!(other.values[1], 7.2);
    // 31 days apart: month first.
    assert_eq!(page.periods[1] - page.periods[0], 31 * DAY);
    assert!(!page.vintages);
    let text = mistake(source.series(&series_request("rates.csv", "CCC")));
    assert!(text.contains("it has AAA, BAA"), "{text}");
}

#[test]
fn every_mistake_names_its_place() {
    let header = "Date,Open,High,Low,Close";
    for (text, expected) in [
        ("".to_owned(), "x.csv: is empty"),
        (format!("{header}\n"), "x.csv: has a header but no rows"),
        (
            "When,Open\n1,2\n".to_owned(),
            "line 1: no date column among When, Open",
        ),
        (
            "Date,Open,Close\n1,2,3\n".to_owned(),
            "line 1: bars lack high and low",
        ),
        (
            format!("{header}\n2000-01-03,1,2,x,2\n"),
            "x.csv, line 2, column `Low`: `x` is not a number",
        ),
        (
            format!("{header}\n2000-01-03,1,2,1,2\n\n2000-01-32,1,2,1,2\n"),
            "x.csv, line 4, column `Date`: `2000-01-32` is not a date such as 2005-02-28",
        ),
        (
            format!("{header}\n2000-01-03,1,2,1,2\n1/4/2000,1,2,1,2\n"),
            "x.csv, line 3, column `Date`: dates in two formats",
        ),
        (
            format!("{header}\n2000-01-03,1,2\n"),
            "line 2, column `Low`: the row ends before this column",
        ),
        (
            format!("{header}\n2000-01-03,1,2,1,2,9\n"),
            "line 2: 6 cells under a header of 5",
        ),
    ] {
        let mut source = source("x.csv", &text);
        let found = mistake(source.bars(&request("x.csv", "X")));
        assert!(found.contains(expected), "{found}");
    }
}

#[test]
fn an_unknown_symbol_file_or_dataset_is_named() {
    let mut known = source("stocks.csv", STOCKS);
    let text = mistake(known.bars(&request("stocks.csv", "IBM")));
    assert!(text.contains("it has AAPL, MSFT"), "{text}");
    let text = mistake(known.bars(&request("other.csv", "AAPL")));
    assert!(text.contains("there is `stocks.csv`"), "{text}");
    let text = mistake(
        with(Config {
            file: "none.csv".into(),
            ..Config::default()
        })
        .datasets(),
    );
    assert!(text.contains("none.csv: no such file"), "{text}");
}

#[test]
fn columns_and_the_date_format_can_be_named() {
    testing::set_files([("x.csv", "D,O,H,L,C\n3/4/2000,1,2,1,2\n")]);
    let name = |text: &str| Some(text.to_owned());
    let mut source = with(Config {
        file: "x.csv".into(),
        symbol: name("MINE"),
        date_format: DateFormat::DayFirst,
        columns: Columns {
            date: name("d"),
            open: name("o"),
            high: name("h"),
            low: name("l"),
            close: name("c"),
            ..Columns::default()
        },
        ..Config::default()
    });
    let page = ok(source.bars(&request("x.csv", "MINE")));
    assert_eq!(page.bars.times, [11_050 * DAY]);
}

#[test]
fn only_daily_bars_are_offered() {
    let mut source = source("stocks.csv", STOCKS);
    let mut hourly = request("stocks.csv", "AAPL");
    hourly.interval = DAY / 24;
    assert!(matches!(source.bars(&hourly), Err(Error::Unsupported(_))));
}

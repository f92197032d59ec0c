use super::*;

fn parse(text: &str) -> Result<Vec<RawBars>, Problem> {
    read_bars_from(
        text.as_bytes(),
        Path::new("bars.csv"),
        &CsvOptions::symbol("X"),
    )
}

fn complaint(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn header_variants_line_ends_and_quotes_read_the_same() {
    let plain = parse(
        "Date,Open,High,Low,Close,Volume,Adj Close\n\
         2000-03-01,1,2,0.5,1.5,100,0.75\n2000-03-02,1,2,0.5,1.5,,\n",
    );
    let variant = parse(
        "\u{feff}\"\",\"close\",LOW,high,Open,\"adj_close\",VOL\r\n\
         \"2000-03-01\",1.5,0.5,2,1,\"0.75\",100\r\n\r\n\"2000-03-02\",1.5,0.5,2,1,null,NaN\r\n",
    );
    let (plain, variant) = (plain.unwrap(), variant.unwrap());
    assert_eq!(plain[0].rows[0], variant[0].rows[0]);
    assert_eq!(
        (plain[0].rows[1].line, variant[0].rows[1].line),
        (3, 4),
        "a blank line counts"
    );
    assert_eq!(plain[0].rows[0].adjusted_close, 0.75);
    assert_eq!(plain[0].symbol, "X");
    for bars in [&plain, &variant] {
        let row = &bars[0].rows[1];
        assert!(row.volume.is_nan() && row.adjusted_close.is_nan());
    }
}

#[test]
fn symbols_come_apart_in_order_of_appearance() {
    let bars = parse(
        "Ticker,Date,Open,High,Low,Close,Volume\nB,2000-03-01,1,1,1,1,1\nA,2000-03-01,1,1,1,1,1\n\
         B,2000-03-02,1,1,1,1,1\nA,2000-03-02,1,1,1,1,1\n",
    )
    .unwrap();
    let symbols: Vec<_> = bars
        .iter()
        .map(|bars| (bars.symbol.as_str(), bars.rows.len()))
        .collect();
    assert_eq!(symbols, [("B", 2), ("A", 2)]);
}

#[test]
fn a_time_of_day_makes_the_stamps_intraday() {
    let bars = parse(
        "timestamp,open,high,low,close,volume\n1704067200000,1,1,1,1,1\n1704070800000,1,1,1,1,1\n",
    )
    .unwrap();
    assert_eq!(bars[0].stamp, Stamp::Open);
    assert_eq!(bars[0].rows[1].instant.to_string(), "2024-01-01T01:00:00Z");
}

#[test]
fn every_mistake_names_its_place_and_its_mend() {
    let header = "Date,Open,High,Low,Close,Volume\n";
    let good = "2000-03-01,1,2,0.5,1.5,100\n";
    let cases = [
        (
            String::new(),
            "the file is empty (bars.csv); give it a header and rows of bars",
        ),
        (
            header.to_owned(),
            "there is a header but no row (bars.csv, line 1); give the file rows of bars",
        ),
        (
            format!("{header}{good}"),
            "X has one row only, which is no series (bars.csv, line 2); give it at least two bars",
        ),
        (
            format!("Date,Open,High,Low,Volume\n{good}"),
            "no column Close; the header is 'Date,Open,High,Low,Volume' (bars.csv, line 1); \
             name the columns Date,Open,High,Low,Close,Volume, separated by commas",
        ),
        (
            format!("Date,Open,Close,High,Low,close,Volume\n{good}"),
            "two columns for Close: 'Close' and 'close' (bars.csv, line 1, column 6); keep one of them",
        ),
        (
            format!("{header}{good}2000-03-02,1,2,abc,1.5,100\n"),
            "'abc' is not a number (bars.csv, line 3, column Low); \
             write a plain decimal number, or nothing where the value is missing",
        ),
        (
            format!("{header}{good}3/2/2000,1,2,0.5,1.5,100\n"),
            "dates in two formats: '3/2/2000' is month/day/YYYY, but line 2 is YYYY-MM-DD \
             (bars.csv, line 3, column Date); write all dates in one format",
        ),
        (
            format!("{header}{good}31/12/2000,1,2,0.5,1.5,100\n"),
            "'31/12/2000' is not a date (bars.csv, line 3, column Date); \
             write it as YYYY-MM-DD, like the rows above",
        ),
        (
            format!("{header}{good}2000-03-02,1,2,0.5\n"),
            "4 fields where the header has 6 (bars.csv, line 3, column 5); \
             check the row's commas and quotes",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(complaint(&text), expected);
    }
    let long = complaint(&format!(
        "{header}{good}2000-03-02,1,2,{},1,1\n",
        "x".repeat(9_999)
    ));
    assert!(
        long.starts_with("'xxx") && long.contains("x…' is not a number") && long.len() < 300,
        "{long}"
    );
    let missing = read_bars(Path::new("no/such.csv"), &CsvOptions::symbol("X")).unwrap_err();
    assert!(
        missing.to_string().starts_with("cannot open the file"),
        "{missing}"
    );
    assert_eq!(missing.exit_code(), 2);
    let latin = read_bars_from(
        &b"Date,Open,High,Low,Close,Volume\n2000-03-01,1,2,\xe9,1.5,100\n"[..],
        Path::new("bars.csv"),
        &CsvOptions::symbol("X"),
    );
    assert_eq!(
        latin.unwrap_err().to_string(),
        "the text is not UTF-8 (bars.csv, line 2); save the file as UTF-8 CSV"
    );
}

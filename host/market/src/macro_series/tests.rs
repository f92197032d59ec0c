use super::read::parse;
use super::*;

fn options() -> MacroOptions {
    MacroOptions {
        calendar: Calendar::named("XNYS").unwrap(),
        frequency: None,
        lag: None,
    }
}

fn at(text: &str) -> Timestamp {
    let instant: jiff::Timestamp = text.parse().unwrap();
    Timestamp(instant.as_nanosecond() as i64)
}

fn value_at(series: &MacroSeries, text: &str) -> Option<f64> {
    series.as_of(at(text)).map(|observation| observation.value)
}

#[test]
fn a_monthly_value_waits_45_days_after_its_month() {
    let series = parse("Date,CPI\n1/1/2018,1\n2/1/2018,2\n3/1/2018,3\n", &options()).unwrap();
    let cpi = &series[0];
    assert_eq!((cpi.name(), cpi.frequency()), ("CPI", Frequency::Monthly));
    // 31 January and 45 days is 17 March, which has to be over.
    assert_eq!(value_at(cpi, "2018-03-17T23:59:59Z"), None);
    assert_eq!(value_at(cpi, "2018-03-18T00:00:00Z"), Some(1.0));
    assert!(
        cpi.observations()
            .iter()
            .all(|observation| observation.revised)
    );
}

#[test]
fn a_daily_value_waits_for_the_next_session_over_a_weekend_too() {
    let text = "Date,vix\n2018-07-05,15\n2018-07-06,16\n2018-07-09,.\n2018-07-10,18\n";
    let series = parse(text, &options()).unwrap();
    let vix = &series[0];
    assert_eq!(value_at(vix, "2018-07-06T13:29:59Z"), None);
    assert_eq!(value_at(vix, "2018-07-06T13:30:00Z"), Some(15.0));
    assert_eq!(value_at(vix, "2018-07-09T13:29:59Z"), Some(15.0));
    assert_eq!(value_at(vix, "2018-07-09T13:30:00Z"), Some(16.0));
    assert_eq!(
        value_at(vix, "2018-07-10T20:00:00Z"),
        Some(16.0),
        "nothing was published on the 9th"
    );
}

#[test]
fn quarters_come_from_year_and_quarter_and_every_column_is_a_series() {
    let text = "\"year\",\"quarter\",\"gdp\",\"cpi\"\n1959,1,10,20\n1959.0,2.0,11,21\n";
    let series = parse(text, &options()).unwrap();
    let names: Vec<&str> = series.iter().map(MacroSeries::name).collect();
    assert_eq!(names, ["gdp", "cpi"]);
    let second = series[1].observations()[1];
    assert_eq!(second.period, jiff::civil::date(1959, 4, 1));
    assert_eq!(second.period_end, jiff::civil::date(1959, 6, 30));
    assert_eq!(second.visible, at("1959-09-29T00:00:00Z"));
}

#[test]
fn a_stated_lag_replaces_the_default() {
    let options = MacroOptions {
        lag: Some(ReleaseLag::Days(10)),
        ..options()
    };
    let series = parse("Date,X\n2018-01-01,1\n2018-02-01,2\n", &options).unwrap();
    assert_eq!(
        series[0].observations()[0].visible,
        at("2018-02-11T00:00:00Z")
    );
}

#[test]
fn vintages_are_seen_as_they_were_and_not_called_revised() {
    let text = "Date,Released,GDP\n\
                2018-01-01,2018-04-27,2.3\n2018-01-01,2018-05-30,2.2\n2018-04-01,2018-07-27,4.1\n\
                2018-01-01,2018-08-01,2.0\n";
    let options = MacroOptions {
        frequency: Some(Frequency::Quarterly),
        ..options()
    };
    let series = parse(text, &options).unwrap();
    let gdp = &series[0];
    assert_eq!(value_at(gdp, "2018-04-27T23:00:00Z"), None);
    assert_eq!(value_at(gdp, "2018-04-28T00:00:00Z"), Some(2.3));
    assert_eq!(value_at(gdp, "2018-06-01T00:00:00Z"), Some(2.2));
    assert_eq!(value_at(gdp, "2018-07-28T00:00:00Z"), Some(4.1));
    assert_eq!(
        value_at(gdp, "2018-09-01T00:00:00Z"),
        Some(4.1),
        "a late correction of an older quarter"
    );
    assert!(
        gdp.observations()
            .iter()
            .all(|observation| !observation.revised)
    );
}

#[test]
fn a_page_of_later_revised_values_is_labelled_so_despite_its_releases() {
    let page = SeriesPage {
        periods: vec![0, 31 * bulkhead_domain::time::DAY],
        values: vec![1.0, 2.0],
        released: vec![100, 40 * bulkhead_domain::time::DAY],
        vintages: false,
        next: None,
    };
    let series = MacroSeries::from_page("X", &page, &options()).unwrap();
    let found = series.as_of(Timestamp(100)).unwrap();
    assert_eq!((found.value, found.revised), (1.0, true));
}

#[test]
fn mistakes_name_their_place() {
    let complaint = |text: &str| parse(text, &options()).unwrap_err().to_string();
    assert_eq!(
        complaint(""),
        "the file is empty; give it a header and rows"
    );
    assert!(complaint("A,B\n1,2\n").starts_with("no column of dates (line 1)"));
    assert!(complaint("Date\n2018-01-01\n").starts_with("no column of values (line 1)"));
    assert_eq!(
        complaint("Date,X\n2018-01-01,abc\n"),
        "'abc' is not a number (line 2, column X); \
         write a plain decimal number, or nothing where the value is missing"
    );
    assert!(complaint("Date,X\n2018-01-01,1\n2/1/2018,1\n").starts_with("dates in two formats"));
    assert!(complaint("Date,X\n2018-01-01,1\n").contains("frequency of X cannot be told"));
    assert!(complaint("Date,X\n2018-01-01,1\n2018-02-01,2\n2018-02-01,3\n").contains("two values"));
    assert!(complaint("year,quarter,X\n2018,5,1\n").contains("'2018' and '5' are no period"));
}

use super::*;
use bulkhead_domain::Decimal;
use bulkhead_domain::time::DAY;
use jiff::civil::date;
use proptest::prelude::*;

fn row(line: u64, day: jiff::civil::Date, close: f64) -> RawBar {
    RawBar {
        line,
        date: day,
        instant: crate::dates::midnight_utc(day).unwrap(),
        open: close,
        high: close * 1.01,
        low: close * 0.99,
        close,
        volume: 100.0,
        adjusted_close: f64::NAN,
    }
}

fn xnys() -> Calendar {
    Calendar::named("XNYS").unwrap()
}

fn raw(rows: Vec<RawBar>) -> RawBars {
    let mut raw = RawBars::new("X", Stamp::Date);
    raw.rows = rows;
    raw
}

fn cleaned(rows: Vec<RawBar>) -> (CleanBars, CleaningReport) {
    clean(raw(rows), &xnys(), &CleanOptions::default())
}

/// Monday to Friday, no holiday among them.
fn week() -> Vec<RawBar> {
    (6..=10)
        .map(|day| row(day as u64, date(2000, 3, day), 100.0))
        .collect()
}

fn findings(report: &CleaningReport) -> Vec<(Option<u64>, Finding, Treatment)> {
    let short = |row: &ReportRow| (row.line, row.finding, row.treatment);
    report.rows.iter().map(short).collect()
}

#[test]
fn good_bars_pass_without_a_word_and_are_stamped_at_their_close() {
    let (clean, report) = cleaned(week());
    assert_eq!(report.rows, []);
    assert_eq!(clean.interval_ns, DAY);
    let (open, close) = (clean.open_times[0], clean.bars.times[0]);
    assert_eq!(Timestamp(open).to_string(), "2000-03-06T14:30:00Z");
    assert_eq!(Timestamp(close).to_string(), "2000-03-06T21:00:00Z");
}

#[test]
fn each_sort_of_fault_is_found_and_treated() {
    type Change = fn(&mut Vec<RawBar>);
    let cases: [(Change, Finding, Treatment, usize); 14] = [
        (|r| r.swap(1, 2), Finding::Unsorted, Treatment::Sorted, 5),
        (|r| r.reverse(), Finding::Unsorted, Treatment::Sorted, 5),
        (
            |r| r.push(r[4]),
            Finding::DuplicateIdentical,
            Treatment::Dropped,
            5,
        ),
        (
            |r| {
                r.push(RawBar {
                    close: 99.9,
                    ..r[4]
                })
            },
            Finding::DuplicateConflicting,
            Treatment::Dropped,
            5,
        ),
        (
            |r| r[2].open = f64::NAN,
            Finding::MissingValue,
            Treatment::Dropped,
            4,
        ),
        (
            |r| r[2].volume = f64::NAN,
            Finding::MissingValue,
            Treatment::Repaired,
            5,
        ),
        (
            |r| r[2].high = f64::INFINITY,
            Finding::NonFinite,
            Treatment::Dropped,
            4,
        ),
        (
            |r| r[2].low = 0.0,
            Finding::NonPositivePrice,
            Treatment::Dropped,
            4,
        ),
        (
            |r| r[2].high = 99.9,
            Finding::OhlcViolation,
            Treatment::Repaired,
            5,
        ),
        (
            |r| r[2].low = 101.0,
            Finding::OhlcViolation,
            Treatment::Dropped,
            4,
        ),
        (
            |r| r[2].volume = 0.0,
            Finding::ZeroVolume,
            Treatment::Kept,
            5,
        ),
        (
            |r| r[2].volume = -5.0,
            Finding::NegativeVolume,
            Treatment::Repaired,
            5,
        ),
        (
            |r| r[4].date = date(2000, 3, 11),
            Finding::OutsideSession,
            Treatment::Dropped,
            4,
        ),
        (
            |r| {
                r.remove(2);
            },
            Finding::MissingSessions,
            Treatment::Noted,
            4,
        ),
    ];
    for (change, finding, treatment, kept) in cases {
        let mut rows = week();
        change(&mut rows);
        let (clean, report) = cleaned(rows);
        let first = report
            .rows
            .iter()
            .find(|row| row.finding == finding)
            .unwrap_or_else(|| panic!("{finding} not found in {:?}", report.rows));
        assert_eq!(first.treatment, treatment, "{finding}");
        assert_eq!(clean.bars.len(), kept, "{finding}");
        assert_eq!(report.rows_kept, kept, "{finding}");
        // A dropped bar leaves its session without one, and nothing else is said.
        let others = report
            .rows
            .iter()
            .filter(|row| ![finding, Finding::MissingSessions].contains(&row.finding));
        assert_eq!(others.count(), 0, "{:?}", report.rows);
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(
            serde_json::from_str::<CleaningReport>(&text).unwrap(),
            report
        );
        assert!(text.contains(&format!("\"{finding}\"")), "{text}");
    }
}

#[test]
fn of_conflicting_rows_the_one_asked_for_counts() {
    let mut rows = week();
    rows.push(RawBar {
        line: 99,
        close: 99.5,
        ..rows[0]
    });
    for (conflict, expected) in [
        (Conflict::KeepFirst, Some(100.0)),
        (Conflict::KeepLast, Some(99.5)),
        (Conflict::DropAll, None),
    ] {
        let options = CleanOptions {
            conflict,
            ..CleanOptions::default()
        };
        let (clean, report) = clean(raw(rows.clone()), &xnys(), &options);
        let monday = clean.bars.close[0];
        assert_eq!(clean.bars.len(), 4 + usize::from(expected.is_some()));
        assert_eq!(monday, expected.unwrap_or(100.0));
        assert!(report.summary()[&Finding::DuplicateConflicting] >= 1);
    }
}

#[test]
fn a_gap_like_a_split_is_suspected_or_known_to_be_real_but_never_repaired() {
    let mut rows = week();
    for row in &mut rows[3..] {
        for price in [&mut row.open, &mut row.high, &mut row.low, &mut row.close] {
            *price *= 0.49;
        }
    }
    let before = rows.clone();
    let (bars, report) = cleaned(rows.clone());
    assert_eq!(
        findings(&report),
        [(Some(9), Finding::SuspectedSplit, Treatment::Kept)]
    );
    assert_eq!(bars.bars.close[3], before[3].close);
    assert_eq!(bars.bars.factor, [1.0; 5]);

    let mut known = raw(rows.clone());
    for row in &mut known.rows {
        row.adjusted_close = row.close / 3.0;
    }
    let (_, report) = clean(known, &xnys(), &CleanOptions::default());
    assert_eq!(
        findings(&report),
        [(Some(9), Finding::LargeMove, Treatment::Kept)]
    );

    let mut listed = raw(rows);
    listed.actions.push(CorporateAction {
        time: listed.rows[3].instant.0 + 12 * 3600 * 1_000_000_000,
        kind: ActionKind::Split {
            numerator: 2,
            denominator: 1,
        },
    });
    let (bars, report) = clean(listed, &xnys(), &CleanOptions::default());
    assert_eq!(report.rows, []);
    assert_eq!(bars.actions[0].time, bars.open_times[3]);
    assert_eq!(bars.bars.factor, [1.0, 1.0, 1.0, 2.0, 2.0]);
}

#[test]
fn an_action_that_cannot_apply_is_left_out_and_said() {
    let mut listed = raw(week());
    let dividend = |time: i64, dollars: i64| CorporateAction {
        time,
        kind: ActionKind::Dividend(dollars.into()),
    };
    let moment = |row: usize| listed.rows[row].instant.0 + DAY / 2;
    listed.actions = vec![
        dividend(moment(0), 1),
        dividend(moment(2), 100),
        dividend(moment(3), 1),
        dividend(moment(4) + 9 * DAY, 1),
    ];
    let (bars, report) = clean(listed, &xnys(), &CleanOptions::default());
    assert_eq!(bars.actions.len(), 1);
    assert_eq!(report.summary(), [(Finding::UnusableAction, 3)].into());
}

#[test]
fn an_action_at_midnight_utc_is_of_that_date_and_not_of_the_evening_before_in_new_york() {
    // Wednesday, and a Saturday that stands for the Monday after it.
    for (day, row) in [(date(2000, 3, 8), 2), (date(2000, 3, 11), 5)] {
        let mut listed = raw(week());
        listed.rows.push(self::row(11, date(2000, 3, 13), 100.0));
        listed.actions = vec![CorporateAction {
            time: crate::dates::midnight_utc(day).unwrap().0,
            kind: ActionKind::Dividend(1.into()),
        }];
        let (bars, report) = clean(listed, &xnys(), &CleanOptions::default());
        assert_eq!(bars.actions[0].time, bars.open_times[row], "{day}");
        assert_eq!(report.rows, []);
    }
}

#[test]
fn what_a_source_lists_twice_or_in_its_own_terms_is_said() {
    let mut listed = raw(week());
    let time = listed.rows[2].instant.0 + DAY / 2;
    let dividend = CorporateAction {
        time,
        kind: ActionKind::Dividend(Decimal::new(25, 2)),
    };
    let other = CorporateAction {
        time,
        kind: ActionKind::Other {
            code: "SPIN".to_owned(),
            text: "one of Y for ten".to_owned(),
        },
    };
    listed.actions = vec![dividend.clone(), other, dividend];
    let (bars, report) = clean(listed, &xnys(), &CleanOptions::default());
    assert_eq!(bars.actions.len(), 2);
    let said: Vec<_> = report
        .rows
        .iter()
        .map(|row| (row.finding, row.treatment, row.detail.as_str()))
        .collect();
    assert_eq!(
        said,
        [
            (
                Finding::DuplicateIdentical,
                Treatment::Dropped,
                "dividend of 0.25: listed twice"
            ),
            (
                Finding::UnusableAction,
                Treatment::Noted,
                "SPIN (one of Y for ten): neither split nor dividend: kept beside the bars, not applied"
            ),
        ]
    );
}

#[test]
fn a_daily_open_stamp_never_puts_a_bar_before_its_session() {
    // Midnight in UTC and in New York, the opening, and a Saturday, which is no session's.
    let stamps = [
        ("2000-03-07T00:00:00Z", Some("2000-03-07T21:00:00Z")),
        ("2000-03-08T05:00:00Z", Some("2000-03-08T21:00:00Z")),
        ("2000-03-09T14:30:00Z", Some("2000-03-09T21:00:00Z")),
        ("2000-03-11T05:00:00Z", None),
        ("2000-03-13T00:00:00Z", Some("2000-03-13T21:00:00Z")),
    ];
    let mut daily = RawBars::new("X", Stamp::Open);
    for (line, (stamp, _)) in stamps.iter().enumerate() {
        let instant: jiff::Timestamp = stamp.parse().unwrap();
        daily.rows.push(RawBar {
            instant: Timestamp(instant.as_nanosecond() as i64),
            ..row(line as u64 + 2, date(2000, 3, 6), 100.0)
        });
    }
    let options = CleanOptions {
        interval_ns: Some(DAY),
        ..CleanOptions::default()
    };
    let (bars, _) = clean(daily, &xnys(), &options);
    let closes: Vec<String> = bars
        .bars
        .times
        .iter()
        .map(|time| Timestamp(*time).to_string())
        .collect();
    let expected: Vec<&str> = stamps.iter().filter_map(|(_, close)| *close).collect();
    assert_eq!(closes, expected);
}

#[test]
fn a_missing_adjusted_close_is_said_and_calls_no_gap_real() {
    let mut rows = week();
    for (index, row) in rows.iter_mut().enumerate() {
        row.adjusted_close = row.close;
        if index == 3 {
            for price in [&mut row.open, &mut row.high, &mut row.low, &mut row.close] {
                *price *= 0.5;
            }
            row.adjusted_close = f64::NAN;
        }
    }
    let (_, report) = cleaned(rows);
    assert_eq!(
        findings(&report),
        [
            (Some(9), Finding::MissingValue, Treatment::Noted),
            (Some(9), Finding::SuspectedSplit, Treatment::Kept),
            (Some(10), Finding::SuspectedSplit, Treatment::Kept),
        ]
    );
}

#[test]
fn a_dropped_duplicate_is_not_said_to_be_kept() {
    let mut rows = week();
    rows[4].volume = 0.0;
    rows.push(rows[4]);
    let (_, report) = cleaned(rows);
    let mut found = findings(&report);
    found.sort_by_key(|(_, finding, _)| *finding);
    assert_eq!(
        found,
        [
            (Some(10), Finding::DuplicateIdentical, Treatment::Dropped),
            (Some(10), Finding::ZeroVolume, Treatment::Kept),
        ]
    );
}

#[test]
fn intraday_bars_stay_within_their_session() {
    let opens = [
        "14:30", "15:30", "16:30", "17:30", "18:30", "19:30", "20:30", "21:30",
    ];
    let mut hours = RawBars::new("X", Stamp::Open);
    for (line, open) in opens.iter().enumerate() {
        let day = date(2000, 3, 6);
        let instant: jiff::Timestamp = format!("{day}T{open}:00Z").parse().unwrap();
        hours.rows.push(RawBar {
            instant: Timestamp(instant.as_nanosecond() as i64),
            ..row(line as u64 + 2, day, 100.0)
        });
    }
    let (bars, report) = clean(hours, &xnys(), &CleanOptions::default());
    assert_eq!(bars.interval_ns, 3_600_000_000_000);
    assert_eq!(
        findings(&report),
        [(Some(9), Finding::OutsideSession, Treatment::Dropped)]
    );
    let last = Timestamp(*bars.bars.times.last().unwrap());
    assert_eq!(
        last.to_string(),
        "2000-03-06T21:00:00Z",
        "cut at the session's close"
    );
    let again = bars.to_raw("X", &xnys());
    let options = CleanOptions {
        interval_ns: Some(bars.interval_ns),
        ..CleanOptions::default()
    };
    let (twice, report) = clean(again, &xnys(), &options);
    assert_eq!(twice, bars);
    assert_eq!(report.rows, []);
}

#[test]
fn the_report_prints_as_a_table_and_as_one_line() {
    let mut rows = week();
    rows[1].close = f64::NAN;
    let (_, report) = cleaned(rows);
    assert_eq!(
        report.to_string(),
        "X: 4 of 5 rows kept, missing-value 1, missing-sessions 1"
    );
    let table = report.table();
    assert_eq!(table.len(), 2);
    assert_eq!(
        table[1].join("|"),
        "7|2000-03-07T21:00:00Z|missing-value|dropped|close NaN"
    );
}

fn messy_row() -> impl Strategy<Value = RawBar> {
    let price = prop_oneof![
        20 => 1.0..300.0_f64,
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => Just(-1.0),
        1 => Just(0.0),
    ];
    let spread = 0.98..1.1_f64;
    let volume = prop_oneof![8 => 0.0..1e6_f64, 1 => Just(f64::NAN), 1 => Just(-3.0)];
    (
        0..60_i64,
        price,
        spread.clone(),
        spread,
        volume,
        0.3..1.0_f64,
    )
        .prop_map(|(day, close, up, down, volume, adjusted)| {
            let day = date(2000, 3, 1)
                .checked_add(jiff::Span::new().days(day))
                .unwrap();
            RawBar {
                high: close * up,
                low: close / down,
                volume,
                adjusted_close: close * adjusted,
                ..row(1, day, close)
            }
        })
}

proptest! {
    #[test]
    fn cleaning_clean_bars_changes_nothing(
        mut rows in prop::collection::vec(messy_row(), 0..60),
    ) {
        for (line, row) in rows.iter_mut().enumerate() {
            row.line = line as u64 + 2;
        }
        let messy = raw(rows);
        let (once, report) = clean(messy, &xnys(), &CleanOptions::default());
        prop_assert_eq!(once.bars.len(), report.rows_kept);
        prop_assert!(once.bars.times.windows(2).all(|pair| pair[0] < pair[1]));
        for bar in once.bars.iter() {
            prop_assert!(bar.low > 0.0 && bar.high.is_finite() && bar.volume >= 0.0 && bar.factor > 0.0);
            prop_assert!(bar.low <= bar.open.min(bar.close) && bar.high >= bar.open.max(bar.close));
        }
        let (twice, report) = clean(once.to_raw("X", &xnys()), &xnys(), &CleanOptions::default());
        prop_assert!(!report.changed_anything(), "{:?}", report.rows);
        prop_assert_eq!(once, twice);
    }
}

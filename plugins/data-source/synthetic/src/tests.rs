use super::*;

fn make(config: &Config) -> Series {
    generate(config, "SYN")
}

fn planted(strength: f64, seed: u64, bars: u32) -> Config {
    Config {
        seed,
        bars,
        signal: Signal::Planted { strength },
        regimes: vec![Regime {
            drift: 0.0,
            volatility: 0.2,
            switch: 0.0,
        }],
        ..Config::default()
    }
}

/// Share of bars whose volume (heavy or light against its mean over 20 bars) has the sign of the next five
/// bars' return.
fn hit_rate(series: &Series) -> f64 {
    let mut hits = 0.0;
    let mut all = 0.0;
    for t in 20..series.close.len() - 5 {
        let mean = series.volume[t - 19..=t].iter().sum::<f64>() / 20.0;
        let heavy = series.volume[t] > mean;
        let next = series.close[t + 5] / series.close[t] - 1.0;
        if next != 0.0 {
            all += 1.0;
            hits += f64::from(u8::from(heavy == (next > 0.0)));
        }
    }
    hits / all
}

#[test]
fn bars_are_well_formed_and_fall_on_weekdays() {
    for seed in 0..5 {
        let series = make(&Config {
            seed,
            bars: 3_000,
            ..Config::default()
        });
        assert_eq!(series.close.len(), 3_000);
        for i in 0..3_000 {
            let (open, close) = (series.open[i], series.close[i]);
            assert!(series.high[i] >= open.max(close), "bar {i}");
            assert!(series.low[i] <= open.min(close), "bar {i}");
            assert!(series.low[i] >= 1.0 && series.volume[i] > 0.0, "bar {i}");
            let day = series.times[i] / DAY;
            assert!((day + 3).rem_euclid(7) < 5, "day {day}");
        }
        assert!(series.times.windows(2).all(|pair| pair[1] > pair[0]));
    }
    // 2000-01-01 was a Saturday.
    assert_eq!(generate::first_weekday("2000-01-01"), Some(10_959));
}

#[test]
fn the_same_configuration_gives_the_same_bars_and_another_seed_or_symbol_others() {
    let config = Config::default();
    let once = make(&config);
    assert_eq!(once.close, make(&config).close);
    assert_ne!(once.close, generate(&config, "OTHER").close);
    assert_ne!(
        once.close,
        make(&Config {
            seed: 2,
            ..config.clone()
        })
        .close
    );
    // More bars do not change those before them.
    let longer = make(&Config {
        bars: 3_000,
        ..config
    });
    assert_eq!(once.close, longer.close[..once.close.len()]);
    assert_eq!(once.volume, longer.volume[..once.volume.len()]);
}

#[test]
fn these_bars_never_change() {
    // Other machines and later versions must come to the very same bars.
    let series = make(&planted(0.2, 1, 500));
    let last = |column: &[f64]| column[499];
    assert_eq!(
        (
            last(&series.open),
            last(&series.high),
            last(&series.low),
            last(&series.close),
            last(&series.volume)
        ),
        (62.75, 63.55, 62.01, 62.56, 733_341.0)
    );
}

#[test]
fn the_planted_signal_is_there_at_its_strength() {
    // The signal itself, from the side of the mean that the volume lies on, not its shadow over 20 bars.
    for strength in [0.1, 0.2, 0.3] {
        let series = make(&planted(strength, 3, 60_000));
        let mut hits = 0.0;
        let count = series.close.len() - 5;
        for t in 0..count {
            let up = series.close[t + 5] > series.close[t];
            hits += f64::from(u8::from((series.volume[t] > 1_000_000.0) == up));
        }
        let rate = hits / count as f64;
        assert!((rate - 0.5 - strength).abs() < 0.015, "{strength}: {rate}");
    }
}

#[test]
fn the_features_of_the_host_can_see_it() {
    let with = hit_rate(&make(&planted(0.25, 3, 20_000)));
    assert!(with > 0.62, "{with}");
}

#[test]
fn without_the_signal_volume_says_nothing() {
    let none = Config {
        signal: Signal::None,
        ..planted(0.0, 3, 60_000)
    };
    let rate = hit_rate(&make(&none));
    assert!((rate - 0.5).abs() < 0.015, "{rate}");
}

#[test]
fn regimes_set_drift_and_volatility() {
    let series = make(&Config {
        bars: 20_000,
        regimes: vec![Regime {
            drift: 0.1,
            volatility: 0.3,
            switch: 0.0,
        }],
        ..Config::default()
    });
    let returns: Vec<_> = series
        .close
        .windows(2)
        .map(|pair| libm::log(pair[1] / pair[0]))
        .collect();
    let count = returns.len() as f64;
    let mean = returns.iter().sum::<f64>() / count;
    let variance = returns
        .iter()
        .map(|one| (one - mean) * (one - mean))
        .sum::<f64>()
        / count;
    let year = (variance * 252.0).sqrt();
    assert!((year - 0.3).abs() < 0.01, "{year}");
    // Standard error of the yearly mean over 79 years is 0.034.
    assert!((mean * 252.0 - 0.1).abs() < 0.1, "{}", mean * 252.0);
}

#[test]
fn the_longest_series_has_dates_that_rise_to_the_last_that_stamps_reach() {
    for (start, bars) in [("1900-01-01", 94_000), ("2000-01-03", 68_000)] {
        let config = Config {
            start: start.into(),
            bars,
            ..Config::default()
        };
        assert!(Synthetic::new(config.clone(), &[]).is_ok(), "{start}");
        let dates = generate::dates(&config);
        assert!(dates.windows(2).all(|pair| pair[0] < pair[1]), "{start}");
    }
}

#[test]
fn pages_put_together_are_the_whole() {
    let config = Config {
        bars: 10_001,
        ..Config::default()
    };
    let whole = make(&config);
    let mut source = match Synthetic::new(config, &[]) {
        Ok(source) => source,
        Err(reason) => panic!("{reason}"),
    };
    let mut request = BarsRequest {
        dataset: DATASET.into(),
        symbol: "SYN".into(),
        interval: DAY,
        first: None,
        last: None,
        page: None,
    };
    let mut closes = Vec::new();
    for expected in [5_000, 5_000, 1] {
        let page = match source.bars(&request) {
            Ok(page) => page,
            Err(error) => panic!("{error:?}"),
        };
        assert_eq!(page.bars.times.len(), expected);
        closes.extend(page.bars.close);
        request.page = page.next;
    }
    assert_eq!(request.page, None);
    assert_eq!(closes, whole.close);
    request.symbol = "NONE".into();
    assert!(matches!(source.bars(&request), Err(Error::InvalidInput(_))));
}

#[test]
fn what_cannot_work_is_refused_by_name() {
    let refused = |change: fn(&mut Config), key: &str| {
        let mut config = Config::default();
        change(&mut config);
        let reason = Synthetic::new(config, &[]).err().unwrap_or_default();
        assert!(reason.contains(key), "{key}: {reason}");
    };
    refused(|config| config.bars = 0, "`bars`");
    refused(|config| config.symbols.clear(), "`symbols`");
    refused(|config| config.price = f64::NAN, "`price`");
    refused(|config| config.calendar = "XLON".into(), "`calendar`");
    refused(|config| config.regimes.clear(), "`regimes`");
    refused(|config| config.regimes[1].volatility = 0.0, "`regimes[1]`");
    refused(|config| config.start = "2000-02-30".into(), "`start`");
    refused(
        |config| config.bars = 80_000,
        "`bars`: 80000 bars from 2000-01-03",
    );
    refused(
        |config| config.signal = Signal::Planted { strength: 0.4 },
        "`signal.planted.strength`",
    );
}

use super::*;
use crate::config::{PartialFills, VenueAccount, bounds};
use crate::cost::FeeModel;
use crate::error::{AdvanceError, ConfigError};

fn refused(with: impl FnOnce(&mut OrderRequest)) -> &'static str {
    let mut floor = Floor::new();
    let code = floor
        .try_send("o", Side::Buy, 10, OrderKind::Market, with)
        .map_err(|reject| reject.code());
    assert_eq!(floor.working(), [""; 0]);
    code.unwrap_err()
}

#[test]
fn an_order_that_makes_no_sense_is_refused_by_code() {
    assert_eq!(refused(|request| request.quantity = dec("0")), "quantity");
    assert_eq!(refused(|request| request.quantity = dec("-1")), "quantity");
    assert_eq!(
        refused(|request| request.quantity = bounds::ORDER + Decimal::ONE),
        "quantity"
    );
    assert_eq!(refused(|request| request.quantity = dec("1.5")), "off-lot");
    assert_eq!(
        refused(|request| request.kind = limit("99.995")),
        "off-tick"
    );
    assert_eq!(
        refused(|request| request.kind = stop("10000000000000")),
        "price"
    );
    assert_eq!(
        refused(|request| request.kind = OrderKind::TrailingStop(Trail::Amount(dec("0")))),
        "trail"
    );
    assert_eq!(
        refused(|request| request.kind = OrderKind::TrailingStop(Trail::Fraction(dec("1")))),
        "trail"
    );
    assert_eq!(
        refused(|request| request.time_in_force = TimeInForce::GoodTillDate(0)),
        "expired"
    );
    assert_eq!(refused(|request| request.instrument = 1), "instrument");
    assert_eq!(refused(|request| request.post_only = true), "contradiction");
}

#[test]
fn a_bracket_that_makes_no_sense_is_refused() {
    let with = |take_profit: Option<&str>, stop_loss: Option<&str>| {
        let bracket = Bracket {
            take_profit: take_profit.map(dec),
            stop_loss: stop_loss.map(dec),
        };
        refused(move |request| request.bracket = Some(bracket))
    };
    assert_eq!(with(None, None), "contradiction");
    assert_eq!(with(Some("90"), Some("110")), "contradiction");
    assert_eq!(with(Some("90.001"), None), "off-tick");
}

#[test]
fn a_client_order_id_is_taken_once_even_after_its_order_is_over() {
    let mut floor = Floor::new();
    floor.buy("o", 10, OrderKind::Market);
    floor.busy([100.0; 4]);
    let again = floor.try_send("o", Side::Buy, 10, OrderKind::Market, |_| {});
    assert_eq!(again, Err(VenueReject::Duplicate("o".to_owned())));
}

#[test]
fn the_ids_of_exits_are_taken_with_their_entry() {
    let mut floor = Floor::new();
    let bracket = Bracket {
        take_profit: Some(dec("110")),
        stop_loss: None,
    };
    floor
        .try_send("e", Side::Buy, 10, OrderKind::Market, |request| {
            request.bracket = Some(bracket)
        })
        .unwrap();
    let exit = floor.try_send("e-tp", Side::Buy, 10, OrderKind::Market, |_| {});
    assert_eq!(exit.unwrap_err().code(), "duplicate");
    assert!(
        floor
            .try_send("e-sl", Side::Buy, 10, OrderKind::Market, |_| {})
            .is_ok()
    );
}

#[test]
fn an_id_of_a_refused_order_may_be_used_again() {
    let mut floor = Floor::new();
    assert!(
        floor
            .try_send("o", Side::Buy, 0, OrderKind::Market, |_| {})
            .is_err()
    );
    assert!(
        floor
            .try_send("o", Side::Buy, 1, OrderKind::Market, |_| {})
            .is_ok()
    );
}

#[test]
fn client_order_ids_and_accounts_are_checked() {
    let mut floor = Floor::new();
    for id in ["", "a b", "ä", &"x".repeat(37)] {
        let code = floor
            .try_send(id, Side::Buy, 1, OrderKind::Market, |_| {})
            .unwrap_err()
            .code();
        assert_eq!(code, "client-order-id", "{id}");
    }
    let mut other = order("o", OrderRequest::market(0, Side::Buy, Decimal::ONE));
    other.account = "other".to_owned();
    assert_eq!(
        floor.venue.submit(&other, floor.now()).unwrap_err().code(),
        "account"
    );
}

#[test]
fn a_replacement_is_checked_like_an_order_and_changes_nothing_when_refused() {
    let mut floor = Floor::new();
    floor.buy("a", 3_000, limit("99"));
    floor.busy([100.0, 101.0, 98.0, 100.0]);
    let mut code = |old: &str, new: &str, quantity: &str, kind| {
        let replacement = Replacement {
            client_order_id: old.to_owned(),
            new_client_order_id: new.to_owned(),
            quantity: dec(quantity),
            kind,
        };
        let now = floor.now();
        floor.venue.replace(&replacement, now).unwrap_err().code()
    };
    assert_eq!(code("a", "b", "2500", limit("99")), "filled");
    assert_eq!(code("a", "a", "2600", limit("99")), "duplicate");
    assert_eq!(code("a", "b", "2600", limit("99.001")), "off-tick");
    assert_eq!(code("z", "b", "2600", limit("99")), "unknown-order");
    assert_eq!(floor.working(), ["a 500"]);
}

#[test]
fn steps_that_make_no_sense_are_refused_and_move_nothing() {
    let mut floor = Floor::new();
    let sound = Step {
        instrument: 0,
        open_time: 2 * DAY - SESSION,
        bar: Bar {
            time: 2 * DAY,
            open: 100.0,
            high: 101.0,
            low: 99.0,
            close: 100.0,
            volume: 1e6,
            factor: 1.0,
        },
        session_end: true,
        actions: Vec::new(),
    };
    let mut refused = |with: &dyn Fn(&mut Step)| {
        let mut step = sound.clone();
        with(&mut step);
        floor.venue.advance(&[step]).unwrap_err()
    };
    assert_eq!(
        refused(&|step| step.instrument = 9),
        AdvanceError::Instrument(9)
    );
    for bad in [f64::NAN, f64::INFINITY, 1e12] {
        let no_bar = AdvanceError::Bar {
            instrument: 0,
            time: 2 * DAY,
        };
        assert_eq!(refused(&|step| step.bar.high = bad), no_bar);
        assert_eq!(refused(&|step| step.bar.open = bad), no_bar);
    }
    assert!(matches!(
        refused(&|step| step.bar.low = 100.5),
        AdvanceError::Bar { .. }
    ));
    assert!(matches!(
        refused(&|step| step.bar.volume = f64::NAN),
        AdvanceError::Bar { .. }
    ));
    assert!(matches!(
        refused(&|step| step.bar.volume = -1.0),
        AdvanceError::Bar { .. }
    ));
    assert!(matches!(
        refused(&|step| step.bar.time = DAY),
        AdvanceError::Backwards { .. }
    ));
    assert!(matches!(
        refused(&|step| step.open_time = DAY - 1),
        AdvanceError::Backwards { .. }
    ));
    let nothing = ActionKind::Split {
        numerator: 0,
        denominator: 1,
    };
    let action = CorporateAction {
        time: 0,
        kind: nothing,
    };
    assert!(matches!(
        refused(&|step| step.actions = vec![action.clone()]),
        AdvanceError::Split { .. }
    ));
    assert_eq!(
        floor.venue.advance(&[sound.clone(), sound.clone()]),
        Err(AdvanceError::Twice(0))
    );
    assert_eq!(floor.venue.advance(&[sound]), Ok(Vec::new()));
}

#[test]
fn a_venue_is_not_set_up_with_what_makes_no_sense() {
    let new =
        |config: VenueConfig, specs: &[InstrumentSpec]| Venue::new(config, specs).unwrap_err();
    for share in [0.0, -0.1, 1.1, f64::NAN] {
        let config = VenueConfig {
            max_volume_share: Some(share),
            ..VenueConfig::default()
        };
        assert!(
            matches!(new(config, &[]), ConfigError::VolumeShare(_)),
            "{share}"
        );
    }
    let account = |id: &str| VenueAccount {
        id: id.to_owned(),
        fee_currency: "USD".to_owned(),
    };
    for names in [&["paper"][..], &["x", "y", "x"][..]] {
        let config = VenueConfig {
            further_accounts: names.iter().map(|id| account(id)).collect(),
            ..VenueConfig::default()
        };
        let twice = new(config, &[]);
        assert_eq!(twice, ConfigError::AccountTwice(names[0].to_owned()));
    }
    for chance in [-0.1, 1.1, f64::NAN] {
        let partial_fills = Some(PartialFills { chance, seed: 0 });
        let config = VenueConfig {
            partial_fills,
            ..VenueConfig::default()
        };
        assert!(
            matches!(new(config, &[]), ConfigError::Chance { .. }),
            "{chance}"
        );
    }
    let fees = FeeModel::Fraction { rate: dec("2") };
    assert!(matches!(
        new(
            VenueConfig {
                fees,
                ..VenueConfig::default()
            },
            &[]
        ),
        ConfigError::Cost { .. }
    ));
    assert_eq!(
        new(VenueConfig::default(), &[spec(3), spec(3)]),
        ConfigError::Twice(3)
    );
    assert!(matches!(
        new(VenueConfig::default(), &[spec(u32::MAX)]),
        ConfigError::Handle { .. }
    ));
    let tickless = InstrumentSpec {
        tick: Decimal::ZERO,
        ..spec(0)
    };
    assert!(matches!(
        new(VenueConfig::default(), &[tickless]),
        ConfigError::Increment { what: "tick", .. }
    ));
}

#[test]
fn configuration_reads_from_text_and_refuses_unknown_keys() {
    let config: VenueConfig = serde_json::from_str(
        r#"{"max-volume-share": 0.1, "fill": "close", "slippage": {"model": "bps", "bps": 2.5}}"#,
    )
    .unwrap();
    assert_eq!(config.max_volume_share, Some(0.1));
    assert!(config.round_to_tick);
    assert!(serde_json::from_str::<VenueConfig>(r#"{"slipage": {"model": "none"}}"#).is_err());
}

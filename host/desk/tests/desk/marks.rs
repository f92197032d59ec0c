//! Prices that are too old to compute any risk by.

use crate::support::{World, dec, proposal, whats};
use bulkhead_desk::{CheckLimits, TradingState};
use bulkhead_domain::order::{OrderRequest, Side};

/// Two are held; from then on the second has no bars.
fn held(days: usize) -> World {
    let limits = CheckLimits {
        max_leverage: dec("4"),
        buying_power_multiple: dec("4"),
        ..CheckLimits::default()
    };
    let mut world = World::new(limits, &["AAPL", "MSFT"], Vec::new());
    world.bar(&[[100.0; 4], [50.0; 4]]);
    for instrument in [1, 2] {
        let request = OrderRequest::market(instrument, Side::Buy, dec("10"));
        let decision = format!("open-{instrument}");
        world.decide(vec![proposal(&decision, "ema", request)]);
    }
    world.bar(&[[100.0; 4], [50.0; 4]]);
    assert_eq!(world.desk.holding("ema", 2).quantity, dec("10"));
    for _ in 0..days {
        world.bar(&[[100.0; 4]]);
    }
    world
}

#[test]
fn what_is_held_without_a_recent_price_halts_trading() {
    let mut recent = held(30);
    assert_eq!(whats(&recent.order(Side::Buy, "1")), ["entry Buy 1"]);
    assert_eq!(recent.desk.trading_state().0, TradingState::Running);

    let mut old = held(31);
    let denied = old.order(Side::Buy, "1");
    assert!(denied[0].what.starts_with("TRADING_STATE"), "{denied:?}");
    let (state, why) = old.desk.trading_state();
    assert_eq!(state, TradingState::Halted);
    let reason = &why.unwrap().reason;
    assert!(
        reason.contains("RISK_UNKNOWN") && reason.contains("MSFT") && reason.contains("2592000"),
        "{reason}"
    );
}

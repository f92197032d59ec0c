//! What holding costs and earns reaches the books as the broker says it, and the books the basis they are to
//! be kept on.

use crate::support::{World, dec, desk_kept, proposal};
use bulkhead_desk::ledger::{Account, CostBasis, LineKey};
use bulkhead_desk::{BrokerAccount, CheckLimits};
use bulkhead_domain::order::{OrderRequest, Side};
use bulkhead_domain::{Decimal, Timestamp};
use proptest::prelude::*;

fn said(borrow_fees: &str, interest: &str) -> BrokerAccount {
    BrokerAccount {
        cash: Decimal::ZERO,
        equity: Decimal::ZERO,
        borrow_fees: Some(dec(borrow_fees)),
        interest: Some(dec(interest)),
    }
}

/// Books what the broker says and checks the books.
fn carry(world: &mut World, account: &BrokerAccount) {
    let now = Timestamp(world.now());
    world.desk.on_carry(now, account).unwrap();
    world.desk.ledger().audit().unwrap();
    assert!(!world.desk.is_carry_due(account));
}

/// Market orders of owners in instruments, filled at the next bar's open, and the close after it.
fn trade(world: &mut World, orders: &[(&str, u32, Side, &str)], bars: &[[f64; 4]]) {
    let proposals = orders
        .iter()
        .enumerate()
        .map(|(number, (owner, instrument, side, quantity))| {
            let decision = format!("d-{}-{number}", world.day);
            let request = OrderRequest::market(*instrument, *side, dec(quantity));
            proposal(&decision, owner, request)
        })
        .collect();
    world.decide(proposals);
    world.bar(bars);
    world.desk.session_close(Timestamp(world.now())).unwrap();
}

fn fee(world: &World, owner: &str, instrument: u32) -> Decimal {
    let ledger = world.desk.ledger();
    let Some(owner) = ledger.find_owner(owner) else {
        return Decimal::ZERO;
    };
    ledger.balance(Account::Borrow(LineKey { instrument, owner }))
}

/// AAPL at 100 and IBM at 50.
fn world() -> World {
    let mut world = World::new(CheckLimits::default(), &["AAPL", "IBM"], Vec::new());
    world.bar(&BARS);
    world
}

const BARS: [[f64; 4]; 2] = [[100.0; 4], [50.0; 4]];

#[test]
fn a_fee_is_shared_by_what_was_short_at_the_close_before() {
    let mut world = world();
    let orders = [
        ("ema", 1, Side::Sell, "30"),
        ("other", 1, Side::Sell, "20"),
        ("third", 1, Side::Buy, "10"),
        ("ema", 2, Side::Sell, "20"),
        ("other", 2, Side::Buy, "20"),
    ];
    trade(&mut world, &orders, &BARS);
    // It is bought back before the fee is booked: it was short over the close nevertheless.
    let back = [("ema", 1, Side::Buy, "30"), ("other", 1, Side::Buy, "20")];
    let before = world.desk.equity();
    trade(&mut world, &back, &BARS);
    // AAPL is short by 40 on the whole, IBM by nothing.
    let account = said("10", "0");
    assert!(world.desk.is_carry_due(&account));
    let mut late = said("10", "0");
    late.borrow_fees = None;
    assert!(!world.desk.is_carry_due(&late));
    world.desk.session_close(Timestamp(world.now())).unwrap();
    // Nothing is short any more: a fee that no position explains is interest paid.
    carry(&mut world, &account);
    assert_eq!(world.desk.ledger().balance(Account::Interest), dec("10"));
    assert_eq!(world.desk.equity(), before - dec("10"));

    let mut world = self::world();
    trade(&mut world, &orders, &BARS);
    carry(&mut world, &account);
    let fees = |world: &World| {
        [("ema", 1), ("other", 1), ("third", 1), ("ema", 2)]
            .map(|(owner, instrument)| fee(world, owner, instrument))
    };
    assert_eq!(fees(&world), ["6", "4", "0", "0"].map(dec));
    // The same word again books nothing; a larger total, its difference.
    carry(&mut world, &account);
    assert_eq!(fees(&world), ["6", "4", "0", "0"].map(dec));
    carry(&mut world, &said("15", "-2.5"));
    assert_eq!(fees(&world), ["9", "6", "0", "0"].map(dec));
    assert_eq!(world.desk.ledger().balance(Account::Interest), dec("2.5"));
    assert_eq!(world.desk.equity(), before - dec("17.5"));
}

#[test]
fn instruments_share_a_fee_by_what_they_were_worth() {
    let mut world = world();
    let orders = [("ema", 1, Side::Sell, "30"), ("ema", 2, Side::Sell, "20")];
    trade(&mut world, &orders, &[[100.0; 4], [150.0; 4]]);
    // Both are worth 3,000 at the close; the next close's prices do not count.
    world.bar(&[[100.0; 4], [20.0; 4]]);
    carry(&mut world, &said("5", "1.25"));
    assert_eq!(
        [fee(&world, "ema", 1), fee(&world, "ema", 2)],
        [dec("2.5"); 2]
    );
    let ledger = world.desk.ledger();
    let totals = ledger.totals(ledger.config().base);
    assert_eq!(
        (totals.borrow_fees, totals.interest),
        (dec("5"), dec("1.25"))
    );
}

#[test]
fn a_desk_closes_what_it_holds_on_the_basis_it_is_told() {
    for (basis, realised) in [(CostBasis::Average, "150"), (CostBasis::Fifo, "200")] {
        let mut world = World::new(CheckLimits::default(), &["AAPL"], Vec::new());
        world.desk = desk_kept(basis, CheckLimits::default(), &["AAPL"], Vec::new());
        world.bar(&[[100.0; 4]]);
        world.order(Side::Buy, "10");
        world.bar(&[[100.0; 4]]);
        world.order(Side::Buy, "10");
        world.bar(&[[110.0; 4]]);
        world.order(Side::Sell, "10");
        world.bar(&[[120.0; 4]]);
        assert_eq!(world.desk.ledger().realised(), dec(realised), "{basis:?}");
        // What it is all worth does not depend on it.
        assert_eq!(world.desk.equity(), dec("100300"), "{basis:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn whatever_the_broker_takes_is_booked_whole(
        shorts in prop::collection::vec((0_usize..3, 1_u32..3, 1_i64..40), 1..5),
        totals in prop::collection::vec((0_i64..1_000_000_000_000, -1_000_000_000..1_000_000_000_i64), 1..6),
    ) {
        let mut world = world();
        let owners = ["a", "b", "c"];
        let orders: Vec<_> = shorts
            .iter()
            .map(|(owner, instrument, units)| (owners[*owner], *instrument, Side::Sell, units.to_string()))
            .collect();
        let orders: Vec<_> = orders
            .iter()
            .map(|(owner, instrument, side, units)| (*owner, *instrument, *side, units.as_str()))
            .collect();
        trade(&mut world, &orders, &BARS);
        let before = world.desk.equity();
        let (mut fees, mut interest) = (Decimal::ZERO, Decimal::ZERO);
        for (fee, earned) in totals {
            fees += Decimal::new(fee, 8);
            interest += Decimal::new(earned, 8);
            let account = BrokerAccount {
                borrow_fees: Some(fees),
                interest: Some(interest),
                ..said("0", "0")
            };
            carry(&mut world, &account);
            prop_assert_eq!(world.desk.equity(), before - fees + interest);
        }
    }
}

//! Whatever happens, in whatever order: the books balance, both cost bases come to the same profit once
//! everything is sold, and a statement adds up.

use super::super::{CostBasis, FundingTerms, FxMark, FxRates, Ledger, LineKey, SplitTerms};
use super::{books, currency, fill};
use crate::statement::{Snapshot, Statement};
use bulkhead_domain::order::Side;
use bulkhead_domain::{Decimal, Timestamp};
use proptest::prelude::*;

const OWNERS: [&str; 2] = ["ema", "ml"];
/// The second is in euros, the third has fractional units and a multiplier.
const INSTRUMENTS: [u32; 3] = [1, 2, 3];

#[derive(Debug, Clone)]
struct Event {
    what: u8,
    owner: usize,
    instrument: u32,
    /// In hundredths.
    size: u32,
    cents: u32,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = (0u8..16, 0usize..2, 1u32..4, 1u32..40_000, 1u32..40_000).prop_map(
        |(what, owner, instrument, size, cents)| Event {
            what,
            owner,
            instrument,
            size,
            cents,
        },
    );
    proptest::collection::vec(event, 1..60)
}

fn lot(instrument: u32) -> Decimal {
    if instrument == 3 {
        Decimal::new(1, 4)
    } else {
        Decimal::ONE
    }
}

fn multiplier(instrument: u32) -> Decimal {
    if instrument == 3 {
        Decimal::new(25, 1)
    } else {
        Decimal::ONE
    }
}

fn open(basis: CostBasis) -> Ledger {
    let mut ledger = books(basis, "1000000");
    ledger.list(2, currency("EUR")).unwrap();
    for owner in OWNERS {
        ledger.owner(owner);
    }
    ledger
}

fn trade(ledger: &mut Ledger, key: LineKey, signed: Decimal, price: Decimal, fee: &str, time: i64) {
    let side = if signed.is_sign_negative() {
        Side::Sell
    } else {
        Side::Buy
    };
    let quantity = signed.abs().to_string();
    let mut execution = fill(
        key.instrument,
        side,
        &quantity,
        &price.to_string(),
        fee,
        time,
    );
    if key.instrument == 3 {
        execution.fee_currency = "EUR".to_owned();
    }
    let multiplier = multiplier(key.instrument);
    ledger.fill(key.owner, &execution, multiplier).unwrap();
}

fn apply(ledger: &mut Ledger, event: &Event, time: i64) {
    let price = Decimal::new(i64::from(event.cents) + 100, 2);
    let size = Decimal::new(i64::from(event.size), 2);
    let key = LineKey {
        instrument: event.instrument,
        owner: ledger.find_owner(OWNERS[event.owner]).unwrap(),
    };
    let eur = currency("EUR");
    let usd = currency("USD");
    match event.what {
        0 => {
            let terms = SplitTerms {
                numerator: 1 + event.size % 7,
                denominator: 1 + event.cents % 7,
                prior_close: price,
                lot: lot(event.instrument),
            };
            ledger.split(time, event.instrument, &terms).unwrap();
        }
        1 => ledger.dividend(time, event.instrument, size).unwrap(),
        2 => {
            let terms = FundingTerms {
                mark: price,
                rate: Decimal::new(i64::from(event.size) - 20_000, 7),
            };
            ledger.funding(time, event.instrument, &terms, "").unwrap();
        }
        3 => ledger.borrow_fee(time, key, size, "").unwrap(),
        4 => ledger.interest(time, eur, size, "").unwrap(),
        5 => ledger.deposit(time, eur, size, "").unwrap(),
        6 => ledger.withdraw(time, usd, size, "").unwrap(),
        7 => ledger.convert(time, (usd, price), (eur, size), "").unwrap(),
        8 => {
            // Turns the position around.
            let held = ledger
                .line(key.instrument, key.owner)
                .map(|line| line.quantity);
            let held = held.unwrap_or(Decimal::ONE);
            trade(ledger, key, -(held * Decimal::from(2)), price, "1", time);
        }
        _ => {
            let units = (size / lot(event.instrument)).ceil() * lot(event.instrument);
            let signed = if event.what.is_multiple_of(2) {
                units
            } else {
                -units
            };
            trade(ledger, key, signed, price, "0.37", time);
        }
    }
}

fn snapshot(ledger: &Ledger, time: i64, cents: u32) -> Snapshot {
    let mut rates = FxRates::new(currency("USD"), 0);
    rates
        .mark(FxMark {
            currency: currency("EUR"),
            rate: Decimal::new(i64::from(cents % 5_000) + 8_000, 4),
            time,
        })
        .unwrap();
    Snapshot::take(
        ledger,
        Timestamp(time),
        |instrument| Some(Decimal::new(i64::from(cents) + i64::from(instrument), 2)),
        |instrument| format!("I{instrument}"),
        &rates,
    )
    .unwrap()
}

proptest! {
    #[test]
    fn the_books_balance_and_both_bases_end_with_the_same_profit(events in events()) {
        let mut average = open(CostBasis::Average);
        let mut fifo = open(CostBasis::Fifo);
        for (time, event) in (1i64..).zip(&events) {
            for ledger in [&mut average, &mut fifo] {
                apply(ledger, event, time);
                prop_assert_eq!(ledger.audit(), Ok(()));
            }
            for instrument in INSTRUMENTS {
                for owner in OWNERS {
                    let owner = fifo.find_owner(owner).unwrap();
                    let held = |ledger: &Ledger| {
                        ledger.line(instrument, owner).map(|line| (line.quantity, line.opened))
                    };
                    prop_assert_eq!(held(&average), held(&fifo));
                }
            }
            for currency in average.currencies() {
                prop_assert_eq!(average.cash_in(currency), fifo.cash_in(currency));
            }
        }
        for ledger in [&mut average, &mut fifo] {
            let open: Vec<_> = ledger.lines().map(|(key, line)| (key, line.quantity)).collect();
            for (key, quantity) in open {
                trade(ledger, key, -quantity, Decimal::new(10_001, 2), "1", 1_000);
            }
            prop_assert_eq!(ledger.audit(), Ok(()));
            prop_assert_eq!(ledger.lines().count(), 0);
        }
        for currency in average.currencies() {
            prop_assert_eq!(average.totals(currency), fifo.totals(currency));
        }
    }

    #[test]
    fn a_statement_of_any_period_adds_up(events in events(), cut in 0usize..60, fifo in any::<bool>()) {
        let mut ledger = open(if fifo { CostBasis::Fifo } else { CostBasis::Average });
        let cut = cut.min(events.len());
        let (before, after) = events.split_at(cut);
        for (time, event) in (1i64..).zip(before) {
            apply(&mut ledger, event, time);
        }
        let opening = snapshot(&ledger, 100, 12_345);
        for (time, event) in (101i64..).zip(after) {
            apply(&mut ledger, event, time);
        }
        let closing = snapshot(&ledger, 1_000, 9_876);
        let entries = ledger.take_entries();
        let symbol = |instrument: u32| format!("I{instrument}");
        let statement = Statement::of(&opening, &closing, &entries, symbol).unwrap();
        prop_assert_eq!(statement.closing, statement.opening + statement.flows.total());
        for section in &statement.currencies {
            prop_assert_eq!(section.closing, section.opening + section.flows.total());
        }
    }
}

//! Currencies, movements of cash, and what it is all worth.

use super::super::{
    Account, CostBasis, Currency, FundingTerms, FxMark, FxRates, Ledger, LedgerError, LineKey,
};
use super::{books, currency, dec, fill};
use bulkhead_domain::Decimal;
use bulkhead_domain::order::Side::{Buy, Sell};
use bulkhead_domain::time::SECOND;

const NOW: i64 = 1_000 * SECOND;

fn rates(mark: Option<(&str, i64)>) -> FxRates {
    let mut rates = FxRates::new(currency("USD"), 60 * SECOND);
    if let Some((rate, time)) = mark {
        let mark = FxMark {
            currency: currency("EUR"),
            rate: dec(rate),
            time,
        };
        rates.mark(mark).unwrap();
    }
    rates
}

/// 11,000 dollars became 10,000 euros, of which 5,000 are in 100 units bought for 5 dollars.
fn euros() -> Ledger {
    let (usd, eur) = (currency("USD"), currency("EUR"));
    let mut ledger = books(CostBasis::Fifo, "100000");
    ledger.list(2, eur).unwrap();
    ledger
        .convert(1, (usd, dec("11000")), (eur, dec("10000")), "c-1")
        .unwrap();
    let owner = ledger.owner("ema");
    let buy = fill(2, Buy, "100", "50", "5", 2);
    ledger.fill(owner, &buy, Decimal::ONE).unwrap();
    ledger.audit().unwrap();
    ledger
}

fn price(_: u32) -> Option<Decimal> {
    Some(dec("55"))
}

#[test]
fn a_conversion_books_both_legs_and_each_currency_balances() {
    let ledger = euros();
    let (usd, eur) = (currency("USD"), currency("EUR"));
    assert_eq!(ledger.cash_in(eur), dec("5000"));
    assert_eq!(ledger.cash(), dec("88995"));
    assert_eq!(ledger.balance_in(Account::Conversion, usd), dec("11000"));
    assert_eq!(ledger.balance_in(Account::Conversion, eur), dec("-10000"));
    let key = LineKey {
        instrument: 2,
        owner: ledger.find_owner("ema").unwrap(),
    };
    assert_eq!(ledger.balance(Account::Position(key)), dec("5000"));
    assert_eq!(ledger.balance(Account::Fees(key)), Decimal::ZERO);
    assert_eq!(ledger.balance_in(Account::Fees(key), usd), dec("5"));
    assert_eq!(ledger.currencies(), [eur, usd]);
}

#[test]
fn equity_in_the_base_currency_needs_a_fresh_rate_and_every_price() {
    let ledger = euros();
    let fresh = rates(Some(("1.2", NOW - 60 * SECOND)));
    assert_eq!(ledger.base_equity(NOW, price, &fresh), Ok(dec("101595")));
    let missing = LedgerError::MissingRate {
        currency: currency("EUR"),
        base: currency("USD"),
    };
    for unfit in [
        rates(None),
        rates(Some(("1.2", NOW - 60 * SECOND - 1))),
        rates(Some(("1.2", NOW + 1))),
    ] {
        let refused = ledger.base_equity(NOW, price, &unfit);
        assert_eq!(refused, Err(missing.clone()));
    }
    assert_eq!(
        ledger.base_equity(NOW, |_| None, &fresh),
        Err(LedgerError::MissingPrice { instrument: 2 })
    );
    let other = FxRates::new(currency("EUR"), 0);
    assert!(matches!(
        ledger.base_equity(NOW, price, &other),
        Err(LedgerError::Currency { .. })
    ));
}

#[test]
fn a_currency_that_holds_nothing_needs_no_rate() {
    let (usd, eur) = (currency("USD"), currency("EUR"));
    let mut ledger = books(CostBasis::Average, "1000");
    ledger.deposit(1, eur, dec("10"), "").unwrap();
    ledger
        .convert(2, (eur, dec("10")), (usd, dec("11")), "")
        .unwrap();
    assert_eq!(
        ledger.base_equity(NOW, price, &rates(None)),
        Ok(dec("1011"))
    );
}

#[test]
fn rates_that_make_no_sense_are_refused() {
    let mut rates = rates(Some(("1.2", NOW)));
    for (code, rate, time) in [
        ("EUR", "0", NOW),
        ("EUR", "-1", NOW),
        ("EUR", "1.3", NOW - 1),
        ("USD", "1", NOW),
        ("JPY", "100000000000000000", NOW),
    ] {
        let mark = FxMark {
            currency: currency(code),
            rate: dec(rate),
            time,
        };
        assert!(rates.mark(mark).is_err(), "{code} {rate}");
    }
    assert_eq!(rates.rate(currency("EUR"), NOW), Ok(dec("1.2")));
}

#[test]
fn cash_moves_in_and_out_and_is_counted_for_what_it_is() {
    let usd = currency("USD");
    let mut ledger = books(CostBasis::Average, "1000");
    let owner = ledger.owner("ema");
    let other = ledger.owner("ml");
    ledger.deposit(1, usd, dec("500"), "d-1").unwrap();
    ledger.withdraw(2, usd, dec("200"), "w-1").unwrap();
    ledger.interest(3, usd, dec("1.5"), "i-1").unwrap();
    ledger.interest(4, usd, dec("-0.5"), "i-2").unwrap();
    ledger
        .fill(owner, &fill(1, Buy, "2", "300", "0", 5), Decimal::ONE)
        .unwrap();
    ledger
        .fill(other, &fill(1, Sell, "1", "300", "0", 6), Decimal::ONE)
        .unwrap();
    // 2 × 310 × 0.01% paid, 1 × 310 × 0.01% received.
    let terms = FundingTerms {
        mark: dec("310"),
        rate: dec("0.0001"),
    };
    ledger.funding(7, 1, &terms, "f-1").unwrap();
    let short = LineKey {
        instrument: 1,
        owner: other,
    };
    ledger.borrow_fee(8, short, dec("0.25"), "b-1").unwrap();
    ledger.audit().unwrap();
    let totals = ledger.totals(usd);
    assert_eq!(totals.interest, dec("1"));
    assert_eq!(totals.funding, dec("-0.031"));
    assert_eq!(totals.borrow_fees, dec("0.25"));
    assert_eq!(ledger.balance(Account::Funding(short)), dec("-0.031"));
    assert_eq!(ledger.balance(Account::Capital), dec("-1300"));
    assert_eq!(ledger.cash(), dec("1000.719"));
    let entries = ledger.take_entries();
    let names: Vec<_> = entries.iter().map(|entry| entry.kind.name()).collect();
    let expected = [
        "opening",
        "deposit",
        "withdrawal",
        "interest",
        "interest",
        "fill",
        "fill",
        "funding",
        "funding",
        "borrow-fee",
    ];
    assert_eq!(names, expected);
    assert_eq!(entries[1].kind.reference().as_deref(), Some("d-1"));
    assert_eq!(entries[5].kind.reference().as_deref(), Some("x-5"));
    assert_eq!(entries[0].kind.reference(), None);
}

#[test]
fn a_movement_reported_twice_is_booked_once() {
    let usd = currency("USD");
    let mut ledger = books(CostBasis::Average, "1000");
    ledger.deposit(1, usd, dec("500"), "7").unwrap();
    let again = ledger.deposit(1, usd, dec("500"), "7");
    assert_eq!(
        again.unwrap_err().to_string(),
        "the deposit '7' is booked already"
    );
    ledger.withdraw(2, usd, dec("500"), "7").unwrap();
    ledger.deposit(3, usd, dec("1"), "").unwrap();
    ledger.deposit(3, usd, dec("1"), "").unwrap();
    assert_eq!(ledger.cash(), dec("1002"));
}

#[test]
fn movements_that_make_no_sense_change_nothing() {
    let (usd, eur) = (currency("USD"), currency("EUR"));
    let mut ledger = books(CostBasis::Average, "1000");
    let owner = ledger.owner("ema");
    let key = LineKey {
        instrument: 1,
        owner,
    };
    let nothing = Decimal::ZERO;
    let terms = FundingTerms {
        mark: nothing,
        rate: nothing,
    };
    let refused = [
        ledger.deposit(1, usd, nothing, "a"),
        ledger.deposit(1, usd, dec("-1"), "a"),
        ledger.deposit(1, usd, dec("100000000000000000"), "a"),
        ledger.deposit(1, Currency::UNNAMED, dec("1"), "a"),
        ledger.withdraw(1, usd, dec("0.00000000001"), "a"),
        ledger.interest(1, usd, nothing, "a"),
        ledger.borrow_fee(1, key, nothing, "a"),
        ledger.funding(1, 1, &terms, "a"),
        ledger.convert(1, (usd, dec("1")), (usd, dec("1")), "a"),
        ledger.convert(1, (usd, dec("1")), (eur, dec("-1")), "a"),
    ];
    assert!(refused.iter().all(Result::is_err), "{refused:?}");
    assert_eq!((ledger.sequence(), ledger.cash()), (1, dec("1000")));
    // What was refused was not noted as seen.
    ledger.deposit(1, usd, dec("1"), "a").unwrap();
}

#[test]
fn an_instrument_keeps_the_currency_it_was_booked_in() {
    let mut ledger = euros();
    assert!(ledger.list(2, currency("EUR")).is_ok());
    assert_eq!(
        ledger.list(2, currency("USD")),
        Err(LedgerError::Currency {
            what: "an instrument",
            observed: currency("USD"),
            expected: currency("EUR"),
        })
    );
    let mut plain = Ledger::open(dec("1000"), 0).unwrap();
    assert!(plain.list(1, currency("EUR")).is_err());
    assert!(plain.deposit(1, currency("EUR"), dec("1"), "").is_err());
    assert!(plain.deposit(1, Currency::UNNAMED, dec("1"), "").is_ok());
}

#[test]
fn books_of_one_currency_take_every_fee_to_be_in_it() {
    let mut ledger = Ledger::open(dec("1000"), 0).unwrap();
    let owner = ledger.owner("ema");
    ledger
        .fill(owner, &fill(1, Buy, "1", "100", "2", 1), Decimal::ONE)
        .unwrap();
    assert_eq!((ledger.cash(), ledger.fees()), (dec("898"), dec("2")));
    assert_eq!(ledger.equity(|_| None), dec("998"));
    ledger.audit().unwrap();
}

#[test]
fn short_proceeds_are_locked_in_their_own_currency() {
    let mut ledger = euros();
    let owner = ledger.owner("ml");
    ledger
        .fill(owner, &fill(2, Sell, "10", "60", "0", 3), Decimal::ONE)
        .unwrap();
    assert_eq!(ledger.cash_in(currency("EUR")), dec("5600"));
    assert_eq!(ledger.spendable_cash_in(currency("EUR")), dec("5000"));
    assert_eq!(ledger.spendable_cash(), ledger.cash());
}

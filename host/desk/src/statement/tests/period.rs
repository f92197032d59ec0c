//! Statements.

use crate::ledger::{CostBasis, Currency, Entry, FxMark, FxRates, Ledger, LedgerConfig, LineKey};
use crate::statement::{Flows, Snapshot, Statement, StatementError};
use bulkhead_domain::order::Side::{Buy, Sell};
use bulkhead_domain::order::{Execution, Liquidity, Side};
use bulkhead_domain::{Decimal, Timestamp};

fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn currency(code: &str) -> Currency {
    Currency::new(code).unwrap()
}

fn books(capital: &str) -> Ledger {
    let config = LedgerConfig {
        base: currency("USD"),
        basis: CostBasis::Average,
    };
    Ledger::open_with(config, dec(capital), 0).unwrap()
}

fn fill(ledger: &mut Ledger, instrument: u32, side: Side, quantity: &str, price: &str, fee: &str) {
    let owner = ledger.owner("ema");
    let execution = Execution {
        execution_id: "x".to_owned(),
        client_order_id: String::new(),
        account: String::new(),
        instrument,
        side,
        quantity: dec(quantity),
        price: dec(price),
        fee: dec(fee),
        fee_currency: "USD".to_owned(),
        liquidity: Liquidity::Taker,
        time: 5,
    };
    ledger.fill(owner, &execution, Decimal::ONE).unwrap();
}

fn symbol(instrument: u32) -> String {
    ["", "AAPL", "SAP"][instrument as usize].to_owned()
}

fn snapshot(ledger: &Ledger, time: i64, price: &str, euro: Option<&str>) -> Snapshot {
    let mut rates = FxRates::new(currency("USD"), 0);
    if let Some(rate) = euro {
        let mark = FxMark {
            currency: currency("EUR"),
            rate: dec(rate),
            time,
        };
        rates.mark(mark).unwrap();
    }
    let price = |_| Some(dec(price));
    Snapshot::take(ledger, Timestamp(time), price, symbol, &rates).unwrap()
}

/// A month with something of everything in dollars.
fn month() -> (Snapshot, Snapshot, Vec<Entry>) {
    let usd = currency("USD");
    let mut ledger = books("10000");
    let opening = snapshot(&ledger, 1, "1", None);
    fill(&mut ledger, 1, Buy, "10", "100", "1");
    ledger.dividend(6, 1, dec("0.5")).unwrap();
    ledger.interest(7, usd, dec("2"), "").unwrap();
    ledger.deposit(8, usd, dec("500"), "").unwrap();
    ledger.withdraw(9, usd, dec("100"), "").unwrap();
    let owner = ledger.owner("ema");
    let key = LineKey {
        instrument: 1,
        owner,
    };
    ledger.borrow_fee(10, key, dec("0.75"), "").unwrap();
    fill(&mut ledger, 1, Sell, "4", "110", "1");
    let closing = snapshot(&ledger, 20, "105", None);
    (opening, closing, ledger.take_entries())
}

#[test]
fn a_month_adds_up_by_instrument_and_in_total() {
    let (opening, closing, entries) = month();
    let statement = Statement::of(&opening, &closing, &entries, symbol).unwrap();
    let traded = Flows {
        realised: dec("40"),
        unrealised: dec("30"),
        fees: dec("-2"),
        dividends: dec("5"),
        borrow: dec("-0.75"),
        ..Flows::default()
    };
    let all = Flows {
        deposits: dec("500"),
        withdrawals: dec("-100"),
        interest: dec("2"),
        ..traded
    };
    assert_eq!(statement.opening, dec("10000"));
    assert_eq!(statement.closing, dec("10474.25"));
    assert_eq!(statement.flows, all);
    assert_eq!(statement.flows.profit(), dec("74.25"));
    assert_eq!(statement.currencies.len(), 1);
    let instruments = &statement.currencies[0].instruments;
    assert_eq!(instruments.len(), 1);
    assert_eq!(instruments[0].symbol, "AAPL");
    assert_eq!(instruments[0].flows, traded);
    assert_eq!(instruments[0].total, dec("72.25"));
}

#[test]
fn a_statement_from_before_the_opening_shows_the_capital_as_a_deposit() {
    let (_, closing, entries) = month();
    let nothing = Snapshot::before_opening(Timestamp(0), currency("USD"));
    let statement = Statement::of(&nothing, &closing, &entries, symbol).unwrap();
    assert_eq!(statement.opening, Decimal::ZERO);
    assert_eq!(statement.flows.deposits, dec("10500"));
    assert_eq!(statement.closing, dec("10474.25"));
}

#[test]
fn exchange_rates_are_a_flow_of_their_own() {
    let (usd, eur) = (currency("USD"), currency("EUR"));
    let mut ledger = books("100000");
    ledger.list(2, eur).unwrap();
    let first = snapshot(&ledger, 1, "50", None);
    ledger
        .convert(2, (usd, dec("11000")), (eur, dec("10000")), "")
        .unwrap();
    fill(&mut ledger, 2, Buy, "100", "50", "5");
    let second = snapshot(&ledger, 10, "55", Some("1.2"));
    let third = snapshot(&ledger, 20, "60", Some("1.1"));
    let entries = ledger.take_entries();

    let statement = Statement::of(&first, &second, &entries, symbol).unwrap();
    // 10,000 euros at 1.2 for 11,000 dollars; 500 euros not yet realised.
    let expected = Flows {
        unrealised: dec("600"),
        fees: dec("-5"),
        exchange: dec("1000"),
        ..Flows::default()
    };
    assert_eq!(statement.flows, expected);
    assert_eq!(statement.closing, dec("101595"));
    let euros = &statement.currencies[0];
    assert_eq!((euros.currency, euros.closing), (eur, dec("10500")));
    assert_eq!(euros.flows.conversions, dec("10000"));
    let dollars = &statement.currencies[1];
    assert_eq!(dollars.flows.conversions, dec("-11000"));
    assert_eq!(dollars.instruments[0].flows.fees, dec("-5"));

    let statement = Statement::of(&second, &third, &entries, symbol).unwrap();
    // 10,500 euros fell by 0.1; 500 euros more not yet realised, at 1.1.
    let expected = Flows {
        unrealised: dec("550"),
        exchange: dec("-1050"),
        ..Flows::default()
    };
    assert_eq!(statement.flows, expected);
    assert_eq!(statement.opening, dec("101595"));
    assert_eq!(statement.closing, dec("101095"));
}

#[test]
fn entries_that_are_missing_doubled_or_out_of_order_make_no_statement() {
    let (opening, closing, entries) = month();
    let missing =
        |entries: &[Entry]| match Statement::of(&opening, &closing, entries, symbol).unwrap_err() {
            StatementError::MissingEntry { expected, .. } => expected,
            other => panic!("{other}"),
        };
    assert_eq!(missing(&entries[..entries.len() - 1]), closing.sequence);
    let mut holed = entries.clone();
    holed.remove(3);
    assert_eq!(missing(&holed), 4);
    let mut doubled = entries.clone();
    doubled.push(entries[entries.len() - 1].clone());
    assert_eq!(missing(&doubled), closing.sequence + 1);
    let mut swapped = entries;
    swapped.swap(2, 3);
    assert_eq!(missing(&swapped), 3);
}

#[test]
fn snapshots_that_contradict_the_entries_make_no_statement() {
    let (opening, closing, entries) = month();
    let usd = currency("USD");
    let refused = |opening: &Snapshot, closing: &Snapshot| {
        Statement::of(opening, closing, &entries, symbol)
            .unwrap_err()
            .to_string()
    };
    let mut richer = closing.clone();
    richer.cash.insert(usd, dec("9845.25"));
    assert_eq!(
        refused(&opening, &richer),
        "the statement does not add up: the change of cash in 'USD' is -154.75, expected -155.75"
    );
    let mut cheaper = closing.clone();
    cheaper.positions[0].cost = dec("599");
    assert_eq!(
        refused(&opening, &cheaper),
        "the statement does not add up: the change of the cost of 'AAPL' in 'USD' is 599, expected 600"
    );
    assert!(refused(&closing, &opening).ends_with("the second is earlier than the first"));
}

#[test]
fn a_snapshot_can_be_kept_and_read_back() {
    let (_, closing, _) = month();
    let kept = serde_json::to_string(&closing).unwrap();
    assert_eq!(serde_json::from_str::<Snapshot>(&kept).unwrap(), closing);
}

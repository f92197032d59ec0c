//! Short positions cost and cash earns: the books say at every close what the broker says.

use crate::stand::{Stand, Unwatched, small, table};
use bulkhead_desk::audit::{Kind, records_of};
use bulkhead_desk::tables::books;
use bulkhead_desk::{BrokerAccount, ledger::CostBasis};
use bulkhead_domain::{Decimal, Timestamp};
use bulkhead_session::{Ran, SessionConfig};
use bulkhead_store::{Store, StoreError, column, decimal, wait};
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

/// The small session, which may sell short, at a broker that takes fees for it and pays interest.
fn carried() -> SessionConfig {
    let mut config = small();
    config.validation = None;
    let signal = config
        .strategies
        .iter_mut()
        .find(|table| table.name == "ml-signal");
    signal.unwrap().config =
        table("model = \"direction\"\nthreshold = 0.55\nweight = 0.2\nshort = true");
    let rates = table("short-borrow-rate = \"0.08\"\ncash-interest-rate = \"0.03\"");
    config.broker.config.extend(rates);
    config
}

fn kept(stand: &Stand, store: &Store, config: &SessionConfig) -> Ran {
    let never = AtomicBool::new(false);
    let gate = stand.gate(store);
    let run = stand.run(&never, Some(store), &gate);
    stand
        .prepare(config)
        .run(run, &mut Unwatched)
        .unwrap_or_else(|problem| panic!("{problem}"))
}

/// The account at every close, by the broker.
fn accounts(store: &Store, run: &str) -> BTreeMap<Timestamp, BrokerAccount> {
    wait(records_of(store, run))
        .unwrap()
        .into_iter()
        .filter(|record| record.event.kind == Kind::Reconciled && record.event.subject == "account")
        .map(|record| {
            let said: Result<BrokerAccount, String> =
                serde_json::from_str(&record.event.body).unwrap();
            (record.event.time, said.unwrap())
        })
        .collect()
}

/// Cash and equity at every close, by the books.
fn closes(store: &Store, run: &str) -> Vec<(Timestamp, Decimal, Decimal)> {
    const SQL: &str = "SELECT time, cash, equity FROM equity WHERE run = $1 ORDER BY time";
    wait(async {
        let rows = sqlx::query(SQL)
            .bind(run.to_owned())
            .fetch_all(store.pool())
            .await
            .map_err(|error| StoreError::of_statement(SQL, &error))?;
        rows.iter()
            .map(|row| {
                let time = Timestamp(column(row, "time")?);
                Ok((time, decimal(row, "cash")?, decimal(row, "equity")?))
            })
            .collect::<Result<_, StoreError>>()
    })
    .unwrap()
}

#[test]
fn the_books_are_worth_at_every_close_what_the_broker_says() {
    let stand = Stand::new();
    let store = stand.store();
    let ran = kept(&stand, &store, &carried());
    let run = ran.run.unwrap();
    let accounts = accounts(&store, &run);
    let closes = closes(&store, &run);
    // Nothing is carried to the first close.
    assert_eq!(accounts.len() + 1, closes.len());
    for (time, cash, equity) in &closes[1..] {
        let theirs = &accounts[time];
        assert_eq!((theirs.cash, theirs.equity), (*cash, *equity), "{time}");
    }
    let last = accounts.values().last().unwrap();
    let totals = &ran.record.totals;
    assert_eq!(Some(totals.borrow_fees), last.borrow_fees);
    assert_eq!(Some(totals.interest), last.interest);
    assert!(totals.borrow_fees > Decimal::ZERO && totals.interest > Decimal::ZERO);

    let books = wait(books(&store, &run)).unwrap().unwrap();
    let period = books.period(None, None).unwrap().unwrap();
    let flows = &period.statement.flows;
    assert_eq!(flows.borrow, -totals.borrow_fees);
    assert_eq!(flows.interest, totals.interest);
    assert_eq!(flows.fees, -totals.fees);
    assert_eq!(period.statement.closing, totals.final_equity);
    // Every fee is put down to what was short.
    let section = &period.statement.currencies[0];
    let borrowed: Decimal = section.instruments.iter().map(|one| one.flows.borrow).sum();
    assert_eq!(borrowed, -totals.borrow_fees);
}

#[test]
fn the_cost_basis_changes_what_is_realised_and_not_what_it_is_worth() {
    let stand = Stand::new();
    let store = stand.store();
    let mut config = carried();
    // A stop stands where the average entry price says, and that is what differs.
    config.risk.clear();
    // Two entries at two prices: the models' targets follow the equity.
    let average = kept(&stand, &store, &config);
    config.cost_basis = CostBasis::Fifo;
    let fifo = kept(&stand, &store, &config);
    assert_ne!(average.record.id, fifo.record.id);
    let of = |ran: &Ran| {
        let run = ran.run.as_deref().unwrap();
        let books = wait(books(&store, run)).unwrap().unwrap();
        let period = books.period(None, None).unwrap().unwrap();
        (books.config.basis, period.statement)
    };
    let ((basis, one), (other_basis, other)) = (of(&average), of(&fifo));
    assert_eq!((basis, other_basis), (CostBasis::Average, CostBasis::Fifo));
    assert_eq!(one.closing, other.closing);
    assert_eq!(
        one.flows.realised + one.flows.unrealised,
        other.flows.realised + other.flows.unrealised
    );
}

//! The books are rebuilt from what is kept of them, and damage to it is found.

use crate::support::{World, dec, desk_kept, proposal};
use bulkhead_desk::ledger::{Account, CostBasis};
use bulkhead_desk::statement::{Books, Period, StatementError};
use bulkhead_desk::tables::{self, Recorder};
use bulkhead_desk::{BrokerAccount, CheckLimits, Ruling};
use bulkhead_domain::order::{ActionKind, CorporateAction, OrderRequest, Side};
use bulkhead_domain::{Decimal, Timestamp};
use bulkhead_store::{Store, StoreError, wait};

const RUN: &str = "s-1.1";

/// A desk whose every step is kept.
struct Kept {
    world: World,
    recorder: Recorder,
    store: Store,
}

impl Kept {
    fn new(basis: CostBasis) -> Kept {
        let store = wait(async {
            let store = Store::in_memory().await?;
            store.migrate(&[tables::MIGRATIONS]).await?;
            Ok::<_, StoreError>(store)
        })
        .unwrap();
        let limits = CheckLimits::default();
        let mut world = World::new(limits.clone(), &["AAPL", "IBM"], Vec::new());
        world.desk = desk_kept(basis, limits, &["AAPL", "IBM"], Vec::new());
        let recorder = Recorder::new(store.writer().unwrap(), RUN);
        let mut kept = Kept {
            world,
            recorder,
            store,
        };
        kept.day([100.0, 50.0], &[]);
        kept
    }

    fn trade(&mut self, owner: &str, instrument: u32, side: Side, quantity: &str) {
        let world = &mut self.world;
        world.decisions += 1;
        let decision = format!("d-{}", world.decisions);
        let request = OrderRequest::market(instrument, side, dec(quantity));
        for disposition in world.desk.decide(vec![proposal(&decision, owner, request)]) {
            self.recorder
                .disposition(&world.desk, &disposition)
                .unwrap();
            if let Ruling::Send(order) = disposition.ruling {
                let (desk, mut gateway) = world.gateway();
                desk.send(order, &mut gateway).outcome.unwrap();
            }
        }
    }

    /// A day at one price for each instrument, to its close.
    fn day(&mut self, [aapl, ibm]: [f64; 2], actions: &[ActionKind]) {
        let time = self.world.now();
        let actions: Vec<_> = actions
            .iter()
            .map(|kind| CorporateAction {
                time,
                kind: kind.clone(),
            })
            .collect();
        let known = self.world.executions.len();
        let applied = self.world.bar_after(&[[aapl; 4], [ibm; 4]], &actions);
        let world = &mut self.world;
        for applied in applied {
            let execution = world.executions[known..].iter().find(|execution| {
                applied.fill.is_some() && execution.client_order_id == applied.order.client_order_id
            });
            self.recorder
                .applied(&world.desk, &applied, execution)
                .unwrap();
        }
        let now = Timestamp(world.now());
        world.desk.session_close(now).unwrap();
        let entries = world.desk.take_entries();
        self.recorder.entries(&world.desk, &entries).unwrap();
        self.recorder.close(&world.desk, now).unwrap();
    }

    fn books(&self) -> Result<Option<Books>, StoreError> {
        self.recorder.flush().unwrap();
        wait(tables::books(&self.store, RUN))
    }

    fn period(&self, from: Option<Timestamp>, to: Option<Timestamp>) -> Option<Period> {
        let books = self.books().unwrap().unwrap();
        books.period(from, to).unwrap()
    }

    fn damage(&self, sql: &'static str) {
        self.recorder.flush().unwrap();
        let store = &self.store;
        let changed = wait(async {
            sqlx::query(sql)
                .execute(store.pool())
                .await
                .map_err(|error| StoreError::of_statement(sql, &error))
        })
        .unwrap();
        assert!(changed.rows_affected() > 0, "{sql}");
    }
}

fn split(numerator: u32, denominator: u32) -> ActionKind {
    ActionKind::Split {
        numerator,
        denominator,
    }
}

/// Two owners, a short, two splits of one day, one with a fraction, a dividend, borrow fees, interest.
fn eventful(basis: CostBasis) -> Kept {
    let mut kept = Kept::new(basis);
    kept.trade("ema", 1, Side::Buy, "5");
    kept.trade("other", 1, Side::Buy, "8");
    kept.trade("other", 2, Side::Sell, "40");
    kept.day([101.0, 50.0], &[]);
    kept.trade("ema", 1, Side::Buy, "6");
    kept.day([104.0, 51.0], &[]);
    let twice = [split(3, 2), split(3, 2), ActionKind::Dividend(dec("0.5"))];
    kept.trade("ema", 1, Side::Sell, "2");
    kept.day([46.0, 49.0], &twice);
    let account = BrokerAccount {
        cash: Decimal::ZERO,
        equity: Decimal::ZERO,
        borrow_fees: Some(dec("1.23456789")),
        interest: Some(dec("3.5")),
    };
    let now = Timestamp(kept.world.now());
    kept.world.desk.on_carry(now, &account).unwrap();
    kept.trade("ema", 1, Side::Sell, "9");
    kept.trade("other", 2, Side::Buy, "50");
    // A split that changes nothing but its price leaves an entry without postings.
    kept.day([23.0, 48.0], &[split(2, 1)]);
    kept
}

#[test]
fn a_statement_of_what_is_kept_says_what_the_desk_says() {
    for basis in [CostBasis::Average, CostBasis::Fifo] {
        let kept = eventful(basis);
        let books = kept.books().unwrap().unwrap();
        assert_eq!(books.config.basis, basis);
        assert_eq!(books.config.base.code(), "USD");
        let period = kept.period(None, None).unwrap();
        let statement = &period.statement;
        let desk = &kept.world.desk;
        assert_eq!(statement.closing, desk.equity());
        let ledger = desk.ledger();
        let flows = &statement.flows;
        assert_eq!(flows.deposits, dec("100000"));
        assert_eq!(flows.realised, ledger.realised());
        assert_eq!(flows.dividends, ledger.dividends());
        assert!(flows.dividends > Decimal::ZERO && !flows.realised.is_zero());
        assert_eq!(flows.borrow, dec("-1.23456789"));
        assert_eq!(flows.interest, dec("3.5"));
        // Units, cost and all are there, in the order in which they were booked.
        assert_eq!(period.entries, ledger.sequence());
        let splits = books.entries.iter().filter(|one| one.postings.is_empty());
        assert!(splits.count() > 0);
        let cost: Decimal = books
            .entries
            .iter()
            .flat_map(|entry| &entry.postings)
            .filter(|posting| matches!(posting.account, Account::Position(_)))
            .map(|posting| posting.amount)
            .sum();
        let held: Decimal = ledger.lines().map(|(_, line)| line.cost).sum();
        assert_eq!(cost, held);

        let gross: Decimal = period.trades.iter().map(|trade| trade.gross).sum();
        assert_eq!(gross, ledger.realised());
        // A fraction of a split is a trade as a sale is.
        assert!(period.trades.len() >= 5, "{:?}", period.trades);
        assert_eq!(period.daily.len(), 5);
        let orders: Vec<_> = period
            .daily
            .iter()
            .map(|day| (day.orders, day.fills))
            .collect();
        // What turns a short around is two orders.
        assert_eq!(orders, [(3, 0), (1, 3), (1, 1), (3, 1), (0, 3)]);
        assert_eq!(period.daily[4].equity, desk.equity());
    }
}

#[test]
fn two_periods_make_the_whole() {
    let kept = eventful(CostBasis::Fifo);
    let books = kept.books().unwrap().unwrap();
    let whole = kept.period(None, None).unwrap();
    for close in &books.closes {
        let date = Timestamp::of_date(&close.time.date()).unwrap();
        let next = Timestamp(date.0 + bulkhead_domain::time::DAY);
        let first = kept.period(None, Some(date)).unwrap();
        assert_eq!(first.statement.to, close.time);
        let Some(second) = kept.period(Some(next), None) else {
            assert_eq!(first, whole);
            continue;
        };
        assert_eq!(first.statement.closing, second.statement.opening);
        assert_eq!(second.statement.closing, whole.statement.closing);
        assert_eq!(
            first.statement.flows.total() + second.statement.flows.total(),
            whole.statement.flows.total()
        );
        let both: Vec<_> = first.trades.iter().chain(&second.trades).collect();
        assert_eq!(both, whole.trades.iter().collect::<Vec<_>>());
        assert_eq!(first.daily.len() + second.daily.len(), whole.daily.len());
    }
    let before = Timestamp::of_date("1990-01-01").unwrap();
    assert_eq!(kept.period(None, Some(before)), None);
    assert_eq!(
        kept.period(Some(Timestamp::of_date("2090-01-01").unwrap()), None),
        None
    );
}

#[test]
fn whatever_was_changed_in_what_is_kept_is_named() {
    let fails = |sql: &'static str| {
        let kept = eventful(CostBasis::Average);
        kept.damage(sql);
        match kept.books() {
            Ok(books) => books.unwrap().period(None, None).unwrap_err().to_string(),
            Err(error) => error.to_string(),
        }
    };
    for (sql, said) in [
        (
            "UPDATE ledger_postings SET amount = '1' WHERE entry = 2 AND line = 1",
            "the sum of entry 2 is",
        ),
        (
            "DELETE FROM ledger_postings WHERE entry = 3",
            "cash at the close of",
        ),
        (
            "DELETE FROM ledger_entries WHERE entry = 2",
            "2 has postings",
        ),
        (
            "UPDATE ledger_entries SET units = '4' WHERE entry = 2",
            "equity at the close of",
        ),
        (
            "UPDATE ledger_closes SET equity = '100000.01' WHERE equity <> '100000'",
            "equity at the close of",
        ),
        (
            "UPDATE ledger_marks SET price = '1'",
            "equity at the close of",
        ),
        (
            "UPDATE fills SET quantity = '99' WHERE quantity = '40'",
            "the fill '",
        ),
        (
            "UPDATE fills SET price = '99' WHERE symbol = 'AAPL' AND side = 'sell'",
            "the profit of all trades",
        ),
        ("DELETE FROM fills WHERE quantity = '40'", "the fill '"),
        (
            "UPDATE ledger_postings SET account = 'till' WHERE account = 'cash'",
            "'till' is no account",
        ),
        (
            "UPDATE ledger_entries SET terms = NULL WHERE kind = 'split'",
            "terms",
        ),
        (
            "UPDATE ledger_postings SET currency = 'EUR' WHERE entry = 4",
            "'EUR', but the books hold 'USD'",
        ),
        (
            "UPDATE ledgers SET basis = 'lifo'",
            "'lifo' is no cost basis",
        ),
    ] {
        let told = fails(sql);
        println!("{sql}: {told}");
        assert!(told.contains(said), "{sql}: {told}");
    }
    // An entry that is gone with all that belongs to it leaves a gap.
    let kept = eventful(CostBasis::Average);
    kept.damage("DELETE FROM ledger_postings WHERE entry = 2");
    kept.damage("DELETE FROM ledger_entries WHERE entry = 2");
    let error = kept.books().unwrap().unwrap().period(None, None);
    assert!(matches!(
        error,
        Err(StatementError::MissingEntry { expected: 2, .. })
    ));
}

#[test]
fn a_session_of_which_no_books_were_kept_has_none() {
    let kept = eventful(CostBasis::Average);
    kept.damage("DELETE FROM ledgers");
    assert_eq!(kept.books().unwrap(), None);
    tables::forget(&kept.store.writer().unwrap(), RUN).unwrap();
    assert_eq!(kept.books().unwrap(), None);
}

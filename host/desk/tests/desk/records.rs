//! What the desk did can be read back.

use crate::support::{Scripted, World, dec, denial, proposal};
use bulkhead_desk::tables::{self, Recorder};
use bulkhead_desk::{RiskRule, Ruling};
use bulkhead_domain::order::{OrderRequest, Side};
use bulkhead_domain::risk::Verdict;
use bulkhead_domain::time::DAY;
use bulkhead_store::{Store, StoreError, wait};
use bulkhead_venue::order::{Bar, Step};

#[test]
fn orders_events_fills_verdicts_and_books_are_read_back_as_they_were() {
    let rule: Box<dyn RiskRule> = Scripted::new("sizes", |order, _| {
        Ok(if order.request.quantity > dec("50") {
            Verdict::Reject(denial("TOO_LARGE"))
        } else {
            Verdict::ReduceTo(dec("8"), denial("LESS"))
        })
    });
    let mut world = World::plain(vec![rule]);
    let store = wait(async {
        let store = Store::in_memory().await?;
        store.migrate(&[tables::MIGRATIONS]).await?;
        Ok::<_, StoreError>(store)
    })
    .unwrap();
    let mut recorder = Recorder::new(store.writer().unwrap(), "session-1");

    let buy = |decision: &str, quantity: &str| {
        proposal(
            decision,
            "ema",
            OrderRequest::market(1, Side::Buy, dec(quantity)),
        )
    };
    let dispositions = world.desk.decide(vec![buy("d-1", "10"), buy("d-2", "60")]);
    let now = world.now();
    let mut id = String::new();
    for disposition in dispositions {
        recorder.disposition(&world.desk, &disposition).unwrap();
        if let Ruling::Send(order) = disposition.ruling {
            id = order.client_order_id.clone();
            let (desk, mut gateway) = world.gateway();
            let sent = desk.send(order, &mut gateway);
            recorder
                .applied(&world.desk, &sent.applied.unwrap(), None)
                .unwrap();
        }
    }
    let step = Step {
        instrument: 1,
        open_time: now,
        bar: Bar {
            time: now + DAY,
            open: 101.0,
            high: 101.0,
            low: 101.0,
            close: 101.0,
            volume: 1e6,
            factor: 1.0,
        },
        session_end: true,
        actions: Vec::new(),
    };
    for update in world.venue.advance(&[step]).unwrap() {
        let applied = world.desk.apply(&update).unwrap().unwrap();
        recorder
            .applied(&world.desk, &applied, update.execution.as_ref())
            .unwrap();
    }
    let entries = world.desk.take_entries();
    recorder.entries(&world.desk, &entries).unwrap();
    recorder.flush().unwrap();

    let (orders, events, fills, verdicts, denials, postings) = wait(async {
        let postings: Vec<String> =
            sqlx::query_scalar("SELECT amount FROM ledger_postings WHERE session_id = $1")
                .bind("session-1")
                .fetch_all(store.pool())
                .await
                .map_err(|error| StoreError::during("read", &error))?;
        Ok::<_, StoreError>((
            tables::orders(&store, "session-1").await?,
            tables::order_events(&store, "session-1", &id).await?,
            tables::fills(&store, "session-1").await?,
            tables::verdicts(&store, "session-1", "d-1").await?,
            tables::denials(&store, "session-1").await?,
            postings,
        ))
    })
    .unwrap();
    assert_eq!(orders.len(), 1);
    assert_eq!(
        (
            orders[0].symbol.as_str(),
            orders[0].quantity,
            orders[0].leg.as_str()
        ),
        ("AAPL", dec("8"), "entry")
    );
    let states: Vec<_> = events.iter().map(|event| event.state.as_str()).collect();
    assert_eq!(states, ["accepted", "filled"]);
    assert_eq!(fills.len(), 1);
    assert_eq!((fills[0].quantity, fills[0].price), (dec("8"), dec("101")));
    assert_eq!(fills[0].entry_price, None);
    let said: Vec<_> = verdicts
        .iter()
        .map(|row| (row.source.as_str(), row.verdict.as_str()))
        .collect();
    assert_eq!(said, [("host", "approved"), ("sizes", "reduced")]);
    assert_eq!(verdicts[1].denial, Some(denial("LESS")));
    assert_eq!(denials.len(), 1);
    assert_eq!(denials[0].decision_id, "d-2");
    assert_eq!(denials[0].denial, Some(denial("TOO_LARGE")));
    let sum: bulkhead_domain::Decimal = postings.iter().map(|amount| dec(amount)).sum();
    assert_eq!((postings.len(), sum), (4, dec("0")));
}

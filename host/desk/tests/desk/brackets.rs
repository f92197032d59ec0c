//! The exits of brackets, compared with the broker.

use crate::reconcile::{reconcile, shown, state, untold};
use crate::support::{World, dec};
use bulkhead_desk::{Finding, TradingState};
use bulkhead_domain::Timestamp;
use bulkhead_domain::order::{Bracket, Execution, OrderKind, OrderRequest, Side};
use bulkhead_domain::time::DAY;

fn bracket() -> OrderRequest {
    OrderRequest {
        bracket: Some(Bracket {
            take_profit: Some(dec("110")),
            stop_loss: Some(dec("95")),
        }),
        ..OrderRequest::market(1, Side::Buy, dec("10"))
    }
}

fn missed(execution: &Execution) -> Finding {
    Finding::MissedFill {
        client_order_id: execution.client_order_id.clone(),
        execution_id: execution.execution_id.clone(),
    }
}

#[test]
fn the_exits_of_a_bracket_are_ours_although_nobody_told_of_them() {
    let mut world = World::plain(Vec::new());
    let entry = world.request(bracket())[0].id.clone();
    let filled = untold(&mut world, [100.0; 4]);
    let arrived = |suffix: &str| Finding::Arrived {
        client_order_id: format!("{entry}{suffix}"),
    };
    let (mut findings, agrees) = reconcile(&mut world);
    findings.sort_by_key(|finding| format!("{finding:?}"));
    assert!(agrees, "{findings:?}");
    assert_eq!(
        findings,
        [arrived("-sl"), arrived("-tp"), missed(&filled[0])]
    );
    assert_eq!(world.held(), dec("10"));
    assert_eq!(world.desk.orders().iter().count(), 2);
    assert_eq!(reconcile(&mut world), (Vec::new(), true));

    // One of them fills, and that is lost too: the venue has cancelled the other.
    let stopped = untold(&mut world, [99.0, 99.0, 94.0, 94.0]);
    let (findings, agrees) = reconcile(&mut world);
    assert!(agrees, "{findings:?}");
    let ended = Finding::Ended {
        client_order_id: format!("{entry}-tp"),
    };
    assert_eq!(findings, [missed(&stopped[0]), ended]);
    assert_eq!(world.held(), dec("0"));
    assert_eq!(world.desk.orders().iter().count(), 0);
    assert_eq!(state(&world.desk), TradingState::Running);
}

#[test]
fn an_exit_that_filled_before_anybody_told_of_its_entry_is_booked() {
    let mut world = World::plain(Vec::new());
    let entry = world.request(bracket())[0].id.clone();
    let mut filled = untold(&mut world, [100.0; 4]);
    filled.extend(untold(&mut world, [99.0, 99.0, 94.0, 94.0]));
    assert_eq!(filled[1].client_order_id, format!("{entry}-sl"));
    let (findings, agrees) = reconcile(&mut world);
    assert!(agrees, "{findings:?}");
    assert_eq!(findings, [missed(&filled[0]), missed(&filled[1])]);
    assert_eq!(world.held(), dec("0"));
    assert_eq!(state(&world.desk), TradingState::Running);
}

#[test]
fn a_missed_fill_is_booked_when_it_was_executed() {
    let mut world = World::plain(Vec::new());
    world.request(bracket());
    untold(&mut world, [100.0; 4]);
    untold(&mut world, [99.0, 99.0, 94.0, 94.0]);
    let later = Timestamp(world.now() + 5 * DAY);
    world.desk.mark(later, &[]).unwrap();
    let (desk, mut gateway) = world.gateway();
    let view = desk.ask_broker(&mut gateway).unwrap();
    let found = desk.reconcile(view);
    let booked = found
        .applied
        .iter()
        .filter_map(|(applied, execution)| Some((applied, execution.as_ref()?)));
    let mut fills = 0;
    for (applied, execution) in booked {
        assert_eq!(applied.time, execution.time);
        assert_eq!(applied.reason, "found by comparing with the broker");
        fills += 1;
    }
    assert_eq!(fills, 2);
}

#[test]
fn an_exit_that_is_another_than_its_entry_asked_for_is_not_ours() {
    for (change, partly) in [
        |order: &mut OrderRequest| order.quantity = dec("11"),
        |order: &mut OrderRequest| order.side = Side::Buy,
        |order: &mut OrderRequest| order.kind = OrderKind::Stop(dec("50")),
    ]
    .into_iter()
    .flat_map(|change| [(change, false), (change, true)])
    {
        let mut world = World::plain(Vec::new());
        let entry = world.request(bracket())[0].id.clone();
        let filled = untold(&mut world, [100.0; 4]).remove(0);
        let stop = format!("{entry}-sl");
        let findings = shown(&mut world, |view| {
            let exit = view
                .open_orders
                .iter_mut()
                .find(|open| open.order.client_order_id == stop)
                .unwrap();
            change(&mut exit.order.request);
            if partly {
                // A fill makes it known; what still works is not what it may be.
                exit.filled = dec("4");
                view.positions[0].quantity = dec("6");
                view.executions.push(Execution {
                    execution_id: "x".to_owned(),
                    client_order_id: stop.clone(),
                    side: Side::Sell,
                    quantity: dec("4"),
                    ..filled
                });
            }
        });
        let foreign = Finding::ForeignOrder {
            client_order_id: stop,
        };
        assert!(findings.contains(&foreign), "{partly} {findings:?}");
        assert_eq!(world.held(), dec(if partly { "6" } else { "10" }));
        assert_eq!(state(&world.desk), TradingState::Halted);
    }
}

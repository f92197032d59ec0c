//! Comparing with the broker.

use crate::support::{VenueGateway, World, context, dec, proposal, whats};
use bulkhead_desk::{
    Amendment, BrokerPosition, BrokerView, Cancelled, Desk, ExecutionPage, Finding, Gateway,
    GatewayError, NEVER_ARRIVED_CHECKS, RiskApproved, Ruling, TradingState,
};
use bulkhead_domain::order::{
    ActionKind, CorporateAction, Execution, OpenOrder, Order, OrderKind, OrderRequest, Replacement,
    Side, TimeInForce,
};
use bulkhead_domain::{Decimal, Timestamp};

/// A broker that answers, or not, as told.
struct Unsure<'a> {
    inner: VenueGateway<'a>,
    arrives: bool,
}

impl Gateway for Unsure<'_> {
    fn submit(&mut self, order: RiskApproved<Order>) -> Result<(), GatewayError> {
        if self.arrives {
            self.inner.submit(order)?;
        }
        Err(GatewayError::Ambiguous("timed out".to_owned()))
    }

    fn replace(&mut self, a: &str, b: RiskApproved<Replacement>) -> Result<(), GatewayError> {
        if self.arrives {
            self.inner.replace(a, b)?;
        }
        Err(GatewayError::Ambiguous("timed out".to_owned()))
    }

    fn cancel(&mut self, a: &str, b: &str) -> Result<Cancelled, GatewayError> {
        self.inner.cancel(a, b)
    }

    fn open_orders(&mut self, account: &str) -> Result<Vec<OpenOrder>, GatewayError> {
        self.inner.open_orders(account)
    }

    fn executions(&mut self, a: &str, cursor: &str) -> Result<ExecutionPage, GatewayError> {
        self.inner.executions(a, cursor)
    }

    fn positions(&mut self, account: &str) -> Result<Vec<BrokerPosition>, GatewayError> {
        self.inner.positions(account)
    }
}

fn send_unsure(world: &mut World, arrives: bool) -> String {
    request_unsure(
        world,
        arrives,
        OrderRequest::market(1, Side::Buy, dec("10")),
    )
}

fn request_unsure(world: &mut World, arrives: bool, request: OrderRequest) -> String {
    let mut dispositions = world.desk.decide(vec![proposal("d", "ema", request)]);
    let Ruling::Send(order) = dispositions.remove(0).ruling else {
        panic!("it was approved")
    };
    let id = order.client_order_id.clone();
    let (desk, inner) = world.gateway();
    let sent = desk.send(order, &mut Unsure { inner, arrives });
    assert!(sent.outcome.is_err());
    assert!(desk.has_unanswered());
    id
}

pub(crate) fn reconcile(world: &mut World) -> (Vec<Finding>, bool) {
    let (desk, mut gateway) = world.gateway();
    let view = desk.ask_broker(&mut gateway).unwrap();
    let found = desk.reconcile(view);
    let agrees = found.agrees();
    desk.ledger().audit().unwrap();
    (found.findings, agrees)
}

pub(crate) fn state(desk: &Desk) -> TradingState {
    desk.trading_state().0
}

#[test]
fn an_unanswered_order_that_arrived_is_found_and_works() {
    let mut world = World::plain(Vec::new());
    let id = send_unsure(&mut world, true);
    assert_eq!(
        reconcile(&mut world),
        (
            vec![Finding::Arrived {
                client_order_id: id
            }],
            true
        )
    );
    assert!(!world.desk.has_unanswered());
    world.bar(&[[100.0; 4]]);
    assert_eq!(world.held(), dec("10"));
    assert_eq!(reconcile(&mut world), (Vec::new(), true));
}

#[test]
fn an_unanswered_order_that_never_arrived_is_given_up_after_three_looks() {
    let mut world = World::plain(Vec::new());
    let id = send_unsure(&mut world, false);
    for checks in 1..=NEVER_ARRIVED_CHECKS {
        world
            .desk
            .mark(Timestamp(world.now() + i64::from(checks)), &[])
            .unwrap();
        assert!(world.desk.orders().get(&id).is_some());
        // To look twice at one moment, as a session does that is resumed in it, proves no more.
        let once = reconcile(&mut world);
        let (findings, agrees) = match checks {
            NEVER_ARRIVED_CHECKS => once,
            _ => reconcile(&mut world),
        };
        assert!(agrees);
        assert_eq!(
            findings,
            [Finding::NotSeen {
                client_order_id: id.clone(),
                checks
            }]
        );
    }
    assert!(world.desk.orders().get(&id).is_none());
    assert_eq!(state(&world.desk), TradingState::Running);
}

/// A bar that the venue fills against, and whatever it says is lost.
pub(crate) fn untold(world: &mut World, [open, high, low, close]: [f64; 4]) -> Vec<Execution> {
    let open_time = world.now() + 10 * world.executions.len() as i64;
    let steps = [bulkhead_venue::order::Step {
        instrument: 1,
        open_time,
        bar: bulkhead_venue::order::Bar {
            time: open_time + 1,
            open,
            high,
            low,
            close,
            volume: 1e9,
            factor: 1.0,
        },
        session_end: true,
        actions: Vec::new(),
    }];
    let updates = world.venue.advance(&steps).unwrap();
    let executions: Vec<_> = updates
        .into_iter()
        .filter_map(|update| update.execution)
        .collect();
    world.executions.extend(executions.clone());
    executions
}

#[test]
fn a_fill_that_nobody_told_of_is_booked_once() {
    let mut world = World::plain(Vec::new());
    let id = send_unsure(&mut world, true);
    // The venue fills, and what it says is lost.
    let held = |world: &World| world.desk.holding("ema", 1).quantity;
    let executions = untold(&mut world, [100.0; 4]);
    assert_eq!(held(&world), dec("0"));
    let (findings, agrees) = reconcile(&mut world);
    assert!(agrees);
    assert_eq!(
        findings,
        [Finding::MissedFill {
            client_order_id: id,
            execution_id: executions[0].execution_id.clone()
        }]
    );
    assert_eq!(held(&world), dec("10"));
    assert_eq!(reconcile(&mut world), (Vec::new(), true));
    assert_eq!(held(&world), dec("10"));
}

#[test]
fn what_cannot_be_explained_stops_trading() {
    // Somebody else trades in the account.
    let mut world = World::plain(Vec::new());
    let order = Order {
        client_order_id: "theirs".to_owned(),
        account: "paper".to_owned(),
        owner: "somebody".to_owned(),
        request: OrderRequest::market(1, Side::Buy, dec("3")),
    };
    let now = world.now();
    world.venue.submit(&order, now).unwrap();
    let (findings, agrees) = reconcile(&mut world);
    assert!(!agrees);
    assert_eq!(
        findings,
        [Finding::ForeignOrder {
            client_order_id: "theirs".to_owned()
        }]
    );
    assert_eq!(state(&world.desk), TradingState::Halted);
    let why = world.desk.trading_state().1.unwrap().reason.clone();
    assert!(why.starts_with("NOT_RECONCILED"), "{why}");
}

#[test]
fn a_position_that_differs_stops_trading() {
    let mut world = World::plain(Vec::new());
    world.order(Side::Buy, "10");
    world.bar(&[[100.0; 4]]);
    assert_eq!(reconcile(&mut world), (Vec::new(), true));
    world.executions[0].quantity = dec("9");
    let (findings, _) = reconcile(&mut world);
    assert_eq!(
        findings,
        [Finding::Position {
            symbol: "AAPL".to_owned(),
            ours: dec("10"),
            theirs: dec("9")
        }]
    );
    assert_eq!(state(&world.desk), TradingState::Halted);
}

/// What the broker shows, and what the desk makes of it; the books balance whatever it is.
pub(crate) fn shown(world: &mut World, change: impl FnOnce(&mut BrokerView)) -> Vec<Finding> {
    let (desk, mut gateway) = world.gateway();
    let mut view = desk.ask_broker(&mut gateway).unwrap();
    change(&mut view);
    let found = desk.reconcile(view);
    desk.ledger().audit().unwrap();
    found.findings
}

#[test]
fn absurd_foreign_and_repeated_fills_are_refused_and_never_make_a_wrong_position() {
    let mut world = World::plain(Vec::new());
    world.order(Side::Buy, "10");
    world.bar(&[[100.0; 4]]);
    assert_eq!(reconcile(&mut world), (Vec::new(), true));
    let seen = world.executions[0].clone();
    let mut resting = world.request(OrderRequest {
        kind: OrderKind::Limit(dec("50")),
        ..OrderRequest::market(1, Side::Buy, dec("5"))
    });
    let id = resting.remove(0).id;
    let fill = |quantity: Decimal, price: Decimal| Execution {
        execution_id: format!("x{quantity}@{price}"),
        client_order_id: id.clone(),
        quantity,
        price,
        ..seen.clone()
    };
    let odd = [
        fill(Decimal::MAX, dec("100")),
        fill(Decimal::MIN, dec("100")),
        fill(dec("0"), dec("100")),
        fill(dec("-5"), dec("100")),
        fill(dec("6"), dec("100")),
        fill(dec("5"), dec("0")),
        fill(dec("5"), dec("-100")),
        fill(dec("5"), Decimal::MAX),
        Execution {
            client_order_id: "nobody's".to_owned(),
            ..fill(dec("5"), dec("100"))
        },
        Execution {
            instrument: 77,
            ..fill(dec("5"), dec("100"))
        },
        Execution {
            side: Side::Sell,
            ..fill(dec("5"), dec("100"))
        },
        Execution {
            account: "another".to_owned(),
            ..fill(dec("5"), dec("100"))
        },
    ];
    let count = odd.len();
    let findings = shown(&mut world, |view| {
        view.executions.push(seen.clone());
        view.executions.extend(odd);
    });
    let refused = findings
        .iter()
        .filter(|finding| matches!(finding, Finding::ForeignFill { .. }));
    assert_eq!(refused.count(), count, "{findings:?}");
    assert_eq!(world.held(), dec("10"));
    assert_eq!(state(&world.desk), TradingState::Halted);
}

#[test]
fn positions_of_any_size_are_compared_and_stop_trading() {
    for quantities in [
        vec![Decimal::MAX, Decimal::MAX],
        vec![Decimal::MIN, Decimal::MIN],
        vec![Decimal::MAX],
    ] {
        let mut world = World::plain(Vec::new());
        let findings = shown(&mut world, |view| {
            view.positions
                .extend(quantities.iter().map(|quantity| BrokerPosition {
                    instrument: 1,
                    quantity: *quantity,
                }));
        });
        assert!(
            matches!(findings.as_slice(), [Finding::Position { .. }]),
            "{findings:?}"
        );
        assert_eq!(state(&world.desk), TradingState::Halted);
    }
}

#[test]
fn a_change_whose_answer_was_lost_waits_for_a_broker_that_is_slow_to_show_it() {
    let mut world = World::plain(Vec::new());
    let old = world.request(OrderRequest {
        kind: OrderKind::Limit(dec("95")),
        time_in_force: TimeInForce::GoodTillCancelled,
        ..OrderRequest::market(1, Side::Buy, dec("4"))
    })[0]
        .id
        .clone();
    let disposition = world.desk.amend(Amendment {
        decision_id: "amend".to_owned(),
        owner: "ema".to_owned(),
        client_order_id: old.clone(),
        quantity: dec("9"),
        kind: OrderKind::Limit(dec("96")),
        context: context(),
        fitted: None,
    });
    let Ruling::Replace(change) = disposition.ruling else {
        panic!("it was approved");
    };
    let new = change.new_client_order_id.clone();
    let (desk, inner) = world.gateway();
    let sent = desk.send_change(
        change,
        &mut Unsure {
            inner,
            arrives: true,
        },
    );
    assert!(sent.outcome.is_err());
    // Neither of the two ids is shown: the order still counts as the larger of the two.
    for checks in 1..NEVER_ARRIVED_CHECKS {
        world
            .desk
            .mark(Timestamp(world.now() + i64::from(checks)), &[])
            .unwrap();
        let findings = shown(&mut world, |view| view.open_orders.clear());
        let not_seen = Finding::NotSeen {
            client_order_id: new.clone(),
            checks,
        };
        assert_eq!(findings, [not_seen]);
        assert_eq!(world.desk.orders().get(&old).unwrap().leaves(), dec("9"));
    }
    // Then it is.
    assert_eq!(reconcile(&mut world), (Vec::new(), true));
    assert!(!world.desk.has_unanswered());
    assert_eq!(
        world.desk.orders().get(&new).unwrap().order.request.kind,
        OrderKind::Limit(dec("96"))
    );
}

#[test]
fn a_change_that_took_its_order_with_it_is_given_up_after_three_looks() {
    let mut world = World::plain(Vec::new());
    let old = world.request(OrderRequest {
        kind: OrderKind::Limit(dec("95")),
        time_in_force: TimeInForce::GoodTillCancelled,
        ..OrderRequest::market(1, Side::Buy, dec("4"))
    })[0]
        .id
        .clone();
    let disposition = world.desk.amend(Amendment {
        decision_id: "amend".to_owned(),
        owner: "ema".to_owned(),
        client_order_id: old.clone(),
        quantity: dec("9"),
        kind: OrderKind::Limit(dec("96")),
        context: context(),
        fitted: None,
    });
    let Ruling::Replace(change) = disposition.ruling else {
        panic!("it was approved");
    };
    let (desk, inner) = world.gateway();
    drop(desk.send_change(
        change,
        &mut Unsure {
            inner,
            arrives: false,
        },
    ));
    for checks in 1..=NEVER_ARRIVED_CHECKS {
        world
            .desk
            .mark(Timestamp(world.now() + i64::from(checks)), &[])
            .unwrap();
        assert!(world.desk.orders().get(&old).is_some());
        shown(&mut world, |view| view.open_orders.clear());
    }
    assert!(world.desk.orders().get(&old).is_none());
    assert!(!world.desk.has_unanswered());
}

#[test]
fn while_the_broker_does_not_say_what_it_holds_nothing_is_entered_and_exits_go_on() {
    let mut world = World::plain(Vec::new());
    assert_eq!(whats(&world.order(Side::Buy, "10")), ["entry Buy 10"]);
    world.bar(&[[100.0; 4]]);
    world.desk.cannot_reconcile();
    let denied = world.order(Side::Buy, "10");
    assert!(denied[0].what.starts_with("NOT_RECONCILED"), "{denied:?}");
    assert_eq!(whats(&world.order(Side::Sell, "4")), ["exit Sell 4"]);
    world.bar(&[[100.0; 4]]);
    assert_eq!(world.held(), dec("6"));
    reconcile(&mut world);
    assert_eq!(whats(&world.order(Side::Buy, "10")), ["entry Buy 10"]);
}

#[test]
fn a_change_that_is_given_up_leaves_an_unanswered_order_as_large_as_it_was_approved() {
    let mut world = World::plain(Vec::new());
    let resting = OrderRequest {
        kind: OrderKind::Limit(dec("95")),
        time_in_force: TimeInForce::GoodTillCancelled,
        ..OrderRequest::market(1, Side::Buy, dec("4"))
    };
    let id = request_unsure(&mut world, true, resting);
    let disposition = world.desk.amend(Amendment {
        decision_id: "amend".to_owned(),
        owner: "ema".to_owned(),
        client_order_id: id.clone(),
        quantity: dec("9"),
        kind: OrderKind::Limit(dec("95")),
        context: context(),
        fitted: None,
    });
    let Ruling::Replace(change) = disposition.ruling else {
        panic!("it was approved");
    };
    let (desk, inner) = world.gateway();
    let mut unsure = Unsure {
        inner,
        arrives: false,
    };
    assert!(desk.send_change(change, &mut unsure).outcome.is_err());
    assert_eq!(world.desk.orders().get(&id).unwrap().leaves(), dec("9"));
    assert_eq!(
        reconcile(&mut world),
        (
            vec![Finding::Arrived {
                client_order_id: id.clone()
            }],
            true
        )
    );
    assert_eq!(world.desk.orders().get(&id).unwrap().leaves(), dec("4"));
    assert!(!world.desk.has_unanswered());
}

#[test]
fn a_split_restates_a_change_whose_answer_was_lost() {
    let mut world = World::plain(Vec::new());
    let old = world.request(OrderRequest {
        kind: OrderKind::Limit(dec("90")),
        time_in_force: TimeInForce::GoodTillCancelled,
        ..OrderRequest::market(1, Side::Buy, dec("4"))
    })[0]
        .id
        .clone();
    let disposition = world.desk.amend(Amendment {
        decision_id: "amend".to_owned(),
        owner: "ema".to_owned(),
        client_order_id: old.clone(),
        quantity: dec("9"),
        kind: OrderKind::Limit(dec("96")),
        context: context(),
        fitted: None,
    });
    let Ruling::Replace(change) = disposition.ruling else {
        panic!("it was approved");
    };
    let new = change.new_client_order_id.clone();
    let (desk, inner) = world.gateway();
    let mut unsure = Unsure {
        inner,
        arrives: true,
    };
    assert!(desk.send_change(change, &mut unsure).outcome.is_err());
    let split = [CorporateAction {
        time: 0,
        kind: ActionKind::Split {
            numerator: 3,
            denominator: 2,
        },
    }];
    world.desk.on_actions(1, &split, dec("100")).unwrap();
    let working = world.desk.orders().get(&old).unwrap();
    assert_eq!(working.order.request.quantity, dec("6"));
    assert_eq!(working.leaves(), dec("13"));
    assert_eq!(reconcile(&mut world), (Vec::new(), true));
    let request = &world.desk.orders().get(&new).unwrap().order.request;
    assert_eq!(
        (request.quantity, request.kind),
        (dec("13"), OrderKind::Limit(dec("64")))
    );
}

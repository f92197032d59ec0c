//! Several owners in one instrument: a venue nets them, the books do not.

use crate::support::{Scripted, World, dec, proposal, whats};
use bulkhead_desk::switch::{Latch, Scope};
use bulkhead_desk::{Leg, RiskRule, Ruling, TradingState};
use bulkhead_domain::order::{Bracket, OrderKind, OrderRequest, Side, TimeInForce};
use bulkhead_domain::risk::ProtectiveAction;
use bulkhead_domain::{Decimal, Timestamp};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const OWNERS: [&str; 3] = ["a", "b", "c"];

fn market(side: Side, quantity: &str) -> OrderRequest {
    OrderRequest::market(1, side, dec(quantity))
}

fn resting(side: Side, quantity: &str, kind: OrderKind) -> OrderRequest {
    OrderRequest {
        kind,
        time_in_force: TimeInForce::GoodTillCancelled,
        ..market(side, quantity)
    }
}

/// A rule that wants one order of a kind for every position, as large as it, and puts it anew where its
/// size is not right.
fn protects(name: &str, away: &str, stop: bool) -> Box<dyn RiskRule> {
    let away = dec(away);
    let tag = name.to_owned();
    Scripted::reviewing(name, move |portfolio| {
        let mut actions = Vec::new();
        for position in &portfolio.positions {
            let long = position.quantity > Decimal::ZERO;
            let side = if long { Side::Sell } else { Side::Buy };
            let mut there = false;
            for open in &portfolio.open_orders {
                let request = &open.order.request;
                let ours = request.tag == tag && request.reduce_only;
                if !ours || open.order.owner != position.owner {
                    continue;
                }
                if request.quantity - open.filled == position.quantity.abs() && request.side == side
                {
                    there = true;
                } else {
                    let id = open.order.client_order_id.clone();
                    actions.push(ProtectiveAction::Cancel(id));
                }
            }
            if there {
                continue;
            }
            let price = if long == stop {
                position.average_price - away
            } else {
                position.average_price + away
            };
            let kind = if stop {
                OrderKind::Stop(price.round_dp(2))
            } else {
                OrderKind::Limit(price.round_dp(2))
            };
            actions.push(ProtectiveAction::Place {
                owner: position.owner.clone(),
                request: OrderRequest {
                    reduce_only: true,
                    tag: tag.clone(),
                    ..resting(side, &position.quantity.abs().to_string(), kind)
                },
            });
        }
        Ok(actions)
    })
}

fn restriction(scope: Scope, state: TradingState) -> Latch {
    Latch {
        scope,
        state,
        actor: "person:me".to_owned(),
        reason: "a test".to_owned(),
        time: Timestamp(5),
        cancel_protection: false,
    }
}

fn stop_loss() -> Vec<Box<dyn RiskRule>> {
    vec![protects("stop-loss", "10", true)]
}

/// `a` and `b` hold what is said.
fn held(rules: Vec<Box<dyn RiskRule>>, a: i64, b: i64) -> World {
    let mut world = World::plain(rules);
    for (owner, units) in [("a", a), ("b", b)] {
        let side = if units > 0 { Side::Buy } else { Side::Sell };
        let request = OrderRequest::market(1, side, units.abs().into());
        world.decide(vec![proposal(owner, owner, request)]);
    }
    world.bar(&[[100.0; 4]]);
    assert_eq!(holds(&world), [a.into(), b.into()]);
    world
}

fn holds(world: &World) -> [Decimal; 2] {
    ["a", "b"].map(|owner| world.desk.holding(owner, 1).quantity)
}

fn wants(world: &mut World, owner: &str, request: OrderRequest) -> Vec<String> {
    world.decisions += 1;
    let decision = format!("decision-{}", world.decisions);
    let seen = world.decide(vec![proposal(&decision, owner, request)]);
    seen.into_iter().map(|seen| seen.what).collect()
}

#[test]
fn an_exit_at_market_takes_the_place_of_a_stop_where_another_holds_the_same_side() {
    let mut world = held(stop_loss(), 100, 100);
    world.review();
    assert_eq!(world.venue.working_in(1), 2);
    assert_eq!(
        wants(&mut world, "a", market(Side::Sell, "100")),
        ["cancel", "exit Sell 100"]
    );
    // The exit fills at the open; the path goes through where the stop was, but not b's.
    world.bar(&[[95.0, 95.0, 91.0, 92.0]]);
    assert_eq!(holds(&world), [Decimal::ZERO, dec("100")]);
    world.bar(&[[92.0, 92.0, 85.0, 86.0]]);
    assert_eq!(holds(&world), [Decimal::ZERO; 2]);
    assert_eq!(world.venue.position(1), Decimal::ZERO);
}

#[test]
fn a_partial_exit_leaves_the_stop_on_the_rest() {
    let mut world = held(stop_loss(), 100, 100);
    world.review();
    let seen = wants(&mut world, "a", market(Side::Sell, "40"));
    assert_eq!(seen, ["protective becomes 60 Stop(90)", "exit Sell 40"]);
    world.bar(&[[95.0, 95.0, 85.0, 86.0]]);
    assert_eq!(holds(&world), [Decimal::ZERO; 2]);
    assert_eq!(world.venue.position(1), Decimal::ZERO);
}

#[test]
fn stacked_protection_is_cut_before_another_enters() {
    let rules = vec![
        protects("stop-loss", "10", true),
        protects("take-profit", "10", false),
    ];
    let mut world = World::plain(rules);
    wants(&mut world, "a", market(Side::Buy, "100"));
    world.bar(&[[100.0; 4]]);
    assert_eq!(
        whats(&world.review()),
        [
            "protective Sell 100 reduce-only",
            "protective Sell 100 reduce-only"
        ]
    );
    assert_eq!(
        wants(&mut world, "b", market(Side::Buy, "100")),
        ["cancel", "entry Buy 100"]
    );
    // The stop stays, not the target.
    world.bar(&[[100.0, 120.0, 89.0, 100.0]]);
    assert_eq!(holds(&world), [Decimal::ZERO, dec("100")]);
    assert_eq!(world.venue.position(1), dec("100"));
}

#[test]
fn a_rules_stop_takes_the_place_of_a_brackets_where_another_holds_the_instrument() {
    let mut world = World::plain(stop_loss());
    let bracket = Bracket {
        take_profit: Some(dec("150")),
        stop_loss: Some(dec("0.01")),
    };
    let entry = OrderRequest {
        bracket: Some(bracket),
        ..market(Side::Buy, "100")
    };
    wants(&mut world, "a", entry);
    wants(&mut world, "b", market(Side::Buy, "100"));
    world.bar(&[[100.0; 4]]);
    assert_eq!(
        whats(&world.review()),
        [
            "cancel",
            "cancel",
            "protective Sell 100",
            "protective Sell 100"
        ]
    );
    world.bar(&[[95.0, 160.0, 85.0, 86.0]]);
    assert_eq!(holds(&world), [Decimal::ZERO; 2]);
    assert_eq!(world.venue.position(1), Decimal::ZERO);
}

#[test]
fn an_exit_is_not_sent_while_the_stop_that_it_replaces_may_still_work() {
    let mut world = held(stop_loss(), 100, 100);
    world.review();
    let request = market(Side::Sell, "100");
    let mut dispositions = world.desk.decide(vec![proposal("d", "a", request)]);
    let exit = dispositions.pop().unwrap();
    let Ruling::Send(order) = exit.ruling else {
        panic!("{exit:?}")
    };
    // The cancellation is not carried out.
    let (desk, mut gateway) = world.gateway();
    let sent = desk.send(order, &mut gateway);
    let why = sent.outcome.unwrap_err().to_string();
    assert!(
        why.contains("orders of 'a' in AAPL that were to be cancelled may still work"),
        "{why}"
    );
    assert_eq!(world.venue.working_in(1), 2);
    world.bar(&[[95.0, 95.0, 85.0, 86.0]]);
    assert_eq!(holds(&world), [Decimal::ZERO; 2]);
}

#[test]
fn owners_on_opposite_sides_get_out_and_their_stops_work() {
    let mut world = held(stop_loss(), 100, -100);
    assert_eq!(
        whats(&world.review()),
        ["protective Sell 100", "protective Buy 100"]
    );
    // No entry would pass.
    let latch = restriction(Scope::Global, TradingState::ReduceOnly);
    world.desk.observe([latch].into_iter().collect());
    assert_eq!(
        wants(&mut world, "a", market(Side::Sell, "100")),
        ["cancel", "exit Sell 100"]
    );
    world.bar(&[[100.0; 4]]);
    assert_eq!(holds(&world), [Decimal::ZERO, dec("-100")]);
    world.bar(&[[100.0, 115.0, 100.0, 112.0]]);
    assert_eq!(holds(&world), [Decimal::ZERO; 2]);

    // A stop closes its owner's position though the account is flat.
    let mut world = held(stop_loss(), 100, -100);
    world.review();
    world.bar(&[[100.0, 100.0, 85.0, 86.0]]);
    assert_eq!(holds(&world), [Decimal::ZERO, dec("-100")]);
    assert_eq!(world.venue.position(1), dec("-100"));
}

#[test]
fn a_stop_is_put_anew_once_another_holds_the_other_side() {
    let mut world = World::plain(stop_loss());
    wants(&mut world, "a", market(Side::Buy, "100"));
    world.bar(&[[100.0; 4]]);
    assert_eq!(whats(&world.review()), ["protective Sell 100 reduce-only"]);
    wants(&mut world, "b", market(Side::Sell, "60"));
    world.bar(&[[100.0; 4]]);
    assert_eq!(
        whats(&world.review()),
        ["cancel", "protective Buy 60", "protective Sell 100"]
    );
    assert!(world.review().is_empty());
    world.bar(&[[100.0, 100.0, 85.0, 86.0]]);
    assert_eq!(holds(&world), [Decimal::ZERO, dec("-60")]);
    assert_eq!(world.venue.position(1), dec("-60"));
}

#[test]
fn flatten_ends_with_owners_on_opposite_sides() {
    for (scope, b, left) in [
        (Scope::Strategy("a".to_owned()), -100, -100),
        (Scope::Global, -40, 0),
        (Scope::Global, 40, 0),
    ] {
        let mut world = held(stop_loss(), 100, b);
        world.review();
        let latch = restriction(scope, TradingState::Flatten);
        world.desk.observe([latch].into_iter().collect());
        for _ in 0..3 {
            while !world.obey().is_empty() {}
            world.bar(&[[100.0; 4]]);
        }
        assert_eq!(holds(&world), [Decimal::ZERO, left.into()]);
        assert_eq!(world.venue.position(1), left.into());
        assert!(world.obey().is_empty());
    }
}

#[test]
fn what_the_broker_does_not_do_is_asked_once_a_moment() {
    let mut world = held(Vec::new(), 100, 100);
    let rests = resting(Side::Buy, "5", OrderKind::Limit(dec("90")));
    wants(&mut world, "a", rests);
    let latch = restriction(Scope::Global, TradingState::Flatten);
    world.desk.observe([latch].into_iter().collect());
    // Nothing of it is carried out: the cancellation is wanted again, the order that closes b's position
    // counts as working.
    for wanted in [2, 1] {
        assert_eq!(world.desk.obey().len(), wanted);
        assert_eq!(world.desk.obey().len(), 0);
        world.bar(&[[100.0; 4]]);
    }
}

#[test]
fn a_target_that_was_sent_before_the_position_was_there_does_not_stand_in_a_stops_way() {
    let mut world = World::plain(stop_loss());
    let target = resting(Side::Sell, "100", OrderKind::Limit(dec("120")));
    assert_eq!(
        wants(&mut world, "a", market(Side::Buy, "100")),
        ["entry Buy 100"]
    );
    assert_eq!(wants(&mut world, "a", target), ["entry Sell 100"]);
    world.bar(&[[100.0; 4]]);
    assert_eq!(whats(&world.review()), ["protective Sell 100 reduce-only"]);
    world.bar(&[[95.0, 95.0, 85.0, 86.0]]);
    assert_eq!(holds(&world)[0], Decimal::ZERO);
}

#[test]
fn a_plain_exit_that_rests_makes_room_for_a_stop() {
    let mut world = World::plain(stop_loss());
    wants(&mut world, "a", market(Side::Buy, "100"));
    world.bar(&[[100.0; 4]]);
    let target = resting(Side::Sell, "100", OrderKind::Limit(dec("120")));
    assert_eq!(wants(&mut world, "a", target.clone()), ["exit Sell 100"]);
    assert_eq!(
        whats(&world.review()),
        ["cancel", "protective Sell 100 reduce-only"]
    );
    world.bar(&[[100.0; 4]]);
    // From now on it rests beside the stop.
    assert_eq!(
        wants(&mut world, "a", target),
        ["exit Sell 100 reduce-only"]
    );
    assert!(world.review().is_empty());
    world.bar(&[[95.0, 95.0, 85.0, 86.0]]);
    assert_eq!(holds(&world)[0], Decimal::ZERO);
    assert_eq!(world.venue.working_in(1), 0);
}

#[test]
fn an_old_stop_stays_where_the_new_one_is_refused() {
    let mut world = World::plain(stop_loss());
    wants(&mut world, "a", market(Side::Buy, "100"));
    world.bar(&[[100.0; 4]]);
    world.review();
    wants(&mut world, "a", market(Side::Buy, "50"));
    world.bar(&[[100.0; 4]]);
    let latch = restriction(Scope::Global, TradingState::Halted);
    world.desk.observe([latch].into_iter().collect());
    let seen = world.review();
    assert!(seen[0].what.starts_with("PROTECTION_KEPT"), "{seen:?}");
    assert!(seen[1].what.starts_with("TRADING_STATE"), "{seen:?}");
    world.bar(&[[95.0, 95.0, 85.0, 86.0]]);
    assert_eq!(holds(&world)[0], dec("50"));
}

/// An owner's position, and how much of it orders that were judged as entries have taken off: by so much
/// an exit that rests may go through zero.
#[derive(Debug, Clone, Copy, Default)]
struct Account {
    held: Decimal,
    taken: Decimal,
}

impl Account {
    fn fill(&mut self, signed: Decimal, entry: bool) -> Result<(), String> {
        let before = self.held;
        self.held += signed;
        let against = before * signed < Decimal::ZERO;
        let off = if against {
            before.abs().min(signed.abs())
        } else {
            Decimal::ZERO
        };
        if entry {
            self.taken += off;
            return Ok(());
        }
        let through = signed.abs() - off;
        if through > self.taken {
            return Err(format!("an exit of {signed} made {before} {}", self.held));
        }
        self.taken -= through;
        Ok(())
    }
}

fn request(kind: u8, side: Side, units: u32) -> OrderRequest {
    let long = side == Side::Buy;
    let near = if long { "97" } else { "103" };
    let far = if long { "103" } else { "97" };
    let units = units.to_string();
    match kind {
        0 | 1 => market(side, &units),
        2 => OrderRequest {
            reduce_only: true,
            ..market(side, &units)
        },
        3 => resting(side, &units, OrderKind::Limit(dec(near))),
        4 => resting(side, &units, OrderKind::Stop(dec(far))),
        5 => OrderRequest {
            reduce_only: true,
            ..resting(side, &units, OrderKind::Stop(dec(far)))
        },
        6 => OrderRequest {
            reduce_only: true,
            ..resting(side, &units, OrderKind::Limit(dec(near)))
        },
        _ => OrderRequest {
            bracket: Some(Bracket {
                take_profit: Some(dec(if long { "106" } else { "94" })),
                stop_loss: Some(dec(if long { "94" } else { "106" })),
            }),
            ..market(side, &units)
        },
    }
}

/// What was sent and judged as an entry.
fn entries(
    world: &mut World,
    proposals: Vec<bulkhead_desk::Proposal>,
    into: &mut BTreeSet<String>,
) {
    let dispositions = world.desk.decide(proposals);
    for disposition in &dispositions {
        if disposition.leg == Leg::Entry && matches!(disposition.ruling, Ruling::Send(_)) {
            into.insert(disposition.client_order_id.clone());
        }
    }
    world.carry_out(dispositions);
}

type Wanted = (usize, u8, bool, u32);

fn wanted() -> impl Strategy<Value = Wanted> {
    (0usize..3, 0u8..8, any::<bool>(), 1u32..60)
}

fn proposals(moment: usize, wanted: &[Wanted]) -> Vec<bulkhead_desk::Proposal> {
    wanted
        .iter()
        .enumerate()
        .map(|(index, (owner, kind, buy, units))| {
            let side = if *buy { Side::Buy } else { Side::Sell };
            let request = request(*kind, side, *units);
            proposal(&format!("d-{moment}-{index}"), OWNERS[*owner], request)
        })
        .collect()
}

fn rules() -> Vec<Box<dyn RiskRule>> {
    vec![
        protects("stop-loss", "4", true),
        protects("take-profit", "4", false),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_exit_goes_through_zero_and_the_books_are_the_venues(
        moments in proptest::collection::vec(
            (proptest::collection::vec(wanted(), 0..4), 90u32..110, 0u32..12, 0u32..12),
            1..12,
        ),
    ) {
        let mut world = World::plain(rules());
        let mut accounts: BTreeMap<&str, Account> = BTreeMap::new();
        let mut judged = BTreeSet::new();
        for (moment, (wanted, open, up, down)) in moments.iter().enumerate() {
            let mut rounds = 0;
            while !world.obey().is_empty() {
                rounds += 1;
                prop_assert!(rounds < 10, "it is never as it should be");
            }
            world.review();
            entries(&mut world, proposals(moment, wanted), &mut judged);
            let [open, up, down] = [*open, *up, *down].map(f64::from);
            for applied in world.bar(&[[open, open + up, open - down, open]]) {
                let Some(fill) = applied.fill else { continue };
                let order = &applied.order;
                let owner = OWNERS.into_iter().find(|owner| *owner == order.owner).unwrap();
                let account = accounts.entry(owner).or_default();
                let signed = fill.quantity - account.held;
                let entry = judged.contains(&order.client_order_id);
                prop_assert_eq!(account.fill(signed, entry), Ok(()));
            }
            let held: Decimal = OWNERS
                .iter()
                .map(|owner| world.desk.holding(owner, 1).quantity)
                .sum();
            prop_assert_eq!(held, world.venue.position(1));
        }
    }

    #[test]
    fn whatever_fills_first_no_exit_goes_through_zero(
        moments in proptest::collection::vec(proptest::collection::vec(wanted(), 1..5), 1..4),
        fills in proptest::collection::vec(any::<prop::sample::Index>(), 24),
    ) {
        let mut world = World::plain(rules());
        let mut judged = BTreeSet::new();
        for (moment, wanted) in moments.iter().enumerate() {
            if moment > 0 {
                world.bar(&[[100.0; 4]]);
                while !world.obey().is_empty() {}
                world.review();
            }
            entries(&mut world, proposals(moment, wanted), &mut judged);
        }
        // Any order of fills that a venue could come to, whatever the prices.
        let mut accounts: BTreeMap<String, Account> = BTreeMap::new();
        let mut net = world.venue.position(1);
        for owner in OWNERS {
            let held = world.desk.holding(owner, 1).quantity;
            accounts.insert(owner.to_owned(), Account { held, taken: Decimal::ZERO });
        }
        let mut working: Vec<_> = world.desk.orders().iter().cloned().collect();
        for fill in fills {
            if working.is_empty() {
                break;
            }
            let order = working.swap_remove(fill.index(working.len()));
            let request = &order.order.request;
            let id = &order.order.client_order_id;
            let sign = request.side.sign();
            let mut units = order.leaves();
            if request.reduce_only {
                units = units.min((-net * sign).max(Decimal::ZERO));
            }
            net += sign * units;
            // Of the two exits of a bracket one fills.
            if let Some(entry) = id.strip_suffix("-tp").or(id.strip_suffix("-sl")) {
                working.retain(|other| !other.order.client_order_id.starts_with(entry));
            }
            let account = accounts.get_mut(&order.order.owner).unwrap();
            prop_assert_eq!(account.fill(sign * units, judged.contains(id)), Ok(()));
            // A venue ends reduce-only orders once the account is flat.
            if net.is_zero() {
                working.retain(|other| !other.order.request.reduce_only);
            }
        }
    }
}

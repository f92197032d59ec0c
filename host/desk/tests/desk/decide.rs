//! What the desk approves, cuts and refuses.

use crate::support::{Scripted, Verdicted, World, dec, denial, proposal, whats};
use bulkhead_desk::{
    CheckLimits, GatewayError, RiskRule, RuleFailure, Ruling, SendError, TradingState,
};
use bulkhead_domain::Decimal;
use bulkhead_domain::order::{OrderKind, OrderRequest, Side};
use bulkhead_domain::risk::Verdict;
use proptest::prelude::*;

#[test]
fn an_order_is_approved_with_every_verdict_on_record() {
    let rules: Vec<Box<dyn RiskRule>> = vec![
        Scripted::new("a", |_, _| Ok(Verdict::Approve)),
        Scripted::new("b", |_, _| {
            Ok(Verdict::ReduceTo(dec("7.9"), denial("LESS")))
        }),
    ];
    let mut world = World::plain(rules);
    let seen = world.order(Side::Buy, "10");
    assert_eq!(whats(&seen), ["entry Buy 7"]);
    assert_eq!(
        seen[0].sources,
        ["host approved", "a approved", "b reduced"]
    );
    world.bar(&[[101.0; 4]]);
    assert_eq!(world.held(), dec("7"));
}

#[test]
fn rules_see_the_desks_own_price_whatever_the_caller_wrote() {
    let rule = Scripted::new("price", |_, context| {
        assert_eq!(context.reference_price, dec("100"));
        Ok(Verdict::Reject(denial("SEEN")))
    });
    let mut world = World::plain(vec![rule]);
    assert_eq!(
        whats(&world.order(Side::Buy, "10")),
        ["SEEN: observed 1, limit 0"]
    );
}

#[test]
fn a_rule_that_fails_denies() {
    let rule = Scripted::new("broken", |_, _| {
        Err(RuleFailure {
            plugin: "bulkhead-limits".to_owned(),
            text: "trapped: unreachable".to_owned(),
        })
    });
    let mut world = World::plain(vec![rule]);
    let seen = world.order(Side::Buy, "10");
    assert_eq!(
        whats(&seen),
        [
            "RULE_FAILED: observed trapped: unreachable, limit a verdict \
          (risk rule 'bulkhead-limits' failed)"
        ]
    );
    assert_eq!(seen[0].sources, ["host approved", "broken failed"]);
}

#[test]
fn a_rule_that_would_enlarge_is_clamped_and_the_attempt_recorded() {
    let rule = Scripted::new("greedy", |_, _| {
        Ok(Verdict::ReduceTo(dec("1000"), denial("MORE")))
    });
    let mut world = World::plain(vec![rule]);
    let seen = world.order(Side::Buy, "10");
    assert_eq!(whats(&seen), ["entry Buy 10"]);
    assert_eq!(seen[0].sources, ["host approved", "greedy clamped"]);
}

#[test]
fn a_reducing_order_passes_a_vetoing_rule_and_a_loss_limit() {
    let mut asked = false;
    let rule = Scripted::new("veto-later", move |_, _| {
        Ok(if std::mem::replace(&mut asked, true) {
            Verdict::Reject(denial("VETO"))
        } else {
            Verdict::Approve
        })
    });
    let mut world = World::plain(vec![rule]);
    world.order(Side::Buy, "900");
    world.bar(&[[100.0; 4]]);
    world.bar(&[[90.0; 4]]);
    assert_eq!(
        whats(&world.order(Side::Buy, "1")),
        ["DAILY_LOSS_ABOVE_LIMIT: observed 9000, limit 5000 \
          (0.05 of the prior session's closing equity 100000)"]
    );
    let seen = world.order(Side::Sell, "400");
    assert_eq!(whats(&seen), ["exit Sell 400"]);
    assert_eq!(seen[0].sources, ["host approved", "rules skipped"]);
    world.bar(&[[90.0; 4]]);
    assert_eq!(world.held(), dec("500"));
}

#[test]
fn turning_a_position_around_is_an_exit_that_always_passes_and_an_entry_that_may_not() {
    let rule = Scripted::new("long-only", |order, _| {
        Ok(match order.request.side {
            Side::Buy => Verdict::Approve,
            Side::Sell => Verdict::Reject(denial("LONG_ONLY")),
        })
    });
    let mut world = World::plain(vec![rule]);
    world.order(Side::Buy, "10");
    world.bar(&[[100.0; 4]]);
    let seen = world.order(Side::Sell, "25");
    assert_eq!(
        whats(&seen),
        ["exit Sell 10", "LONG_ONLY: observed 1, limit 0"]
    );
    assert_ne!(seen[0].id, seen[1].id);
    world.bar(&[[100.0; 4]]);
    assert_eq!(world.held(), Decimal::ZERO);

    let mut world = World::plain(Vec::new());
    world.order(Side::Buy, "10");
    world.bar(&[[100.0; 4]]);
    assert_eq!(
        whats(&world.order(Side::Sell, "20")),
        ["exit Sell 10", "entry Sell 10"]
    );
    world.bar(&[[100.0; 4]]);
    assert_eq!(world.held(), dec("-10"));
}

#[test]
fn what_is_pending_is_no_longer_there_to_be_reduced() {
    let mut world = World::plain(Vec::new());
    world.order(Side::Buy, "10");
    world.bar(&[[100.0; 4]]);
    let limit = |price: &str, quantity: &str| OrderRequest {
        kind: OrderKind::Limit(dec(price)),
        ..OrderRequest::market(1, Side::Sell, dec(quantity))
    };
    assert_eq!(whats(&world.order(Side::Sell, "6")), ["exit Sell 6"]);
    assert_eq!(
        whats(&world.order(Side::Sell, "7")),
        ["exit Sell 4", "entry Sell 3"]
    );
    assert_eq!(
        whats(&world.request(OrderRequest {
            reduce_only: true,
            ..limit("105", "12")
        })),
        ["REDUCE_ONLY_ABOVE_POSITION: observed 12, limit 0 \
          (a reduce-only order may only close what is held)"]
    );
    world.bar(&[[100.0; 4]]);
    assert_eq!(world.held(), dec("-3"));
}

#[test]
fn a_reduce_only_order_without_a_position_is_refused() {
    let mut world = World::plain(Vec::new());
    let request = OrderRequest {
        reduce_only: true,
        ..OrderRequest::market(1, Side::Sell, dec("5"))
    };
    assert_eq!(
        whats(&world.request(request)),
        ["REDUCE_ONLY_ABOVE_POSITION: observed 5, limit 0 \
          (a reduce-only order may only close what is held)"]
    );
}

#[test]
fn an_exit_passes_while_a_protective_stop_rests_for_the_same_units() {
    let mut world = World::plain(Vec::new());
    world.order(Side::Buy, "10");
    world.bar(&[[100.0; 4]]);
    let stop = OrderRequest {
        kind: OrderKind::Stop(dec("90")),
        reduce_only: true,
        time_in_force: bulkhead_domain::order::TimeInForce::GoodTillCancelled,
        ..OrderRequest::market(1, Side::Sell, dec("10"))
    };
    assert_eq!(whats(&world.request(stop)), ["exit Sell 10 reduce-only"]);
    assert_eq!(
        whats(&world.order(Side::Sell, "10")),
        ["exit Sell 10 reduce-only"]
    );
    world.bar(&[[85.0; 4]]);
    assert_eq!(world.held(), Decimal::ZERO);
    assert_eq!(world.desk.orders().iter().count(), 0);
}

#[test]
fn with_owners_on_both_sides_an_exit_is_not_sent_in_a_form_that_the_venue_would_cancel() {
    let mut world = World::plain(Vec::new());
    let order = |decision: &str, owner: &str, side| {
        proposal(decision, owner, OrderRequest::market(1, side, dec("10")))
    };
    world.decide(vec![
        order("d1", "long", Side::Buy),
        order("d2", "short", Side::Sell),
    ]);
    world.bar(&[[100.0; 4]]);
    assert_eq!(world.venue.position(1), Decimal::ZERO);
    let seen = world.decide(vec![order("d3", "long", Side::Sell)]);
    assert_eq!(whats(&seen), ["exit Sell 10"]);
    world.bar(&[[100.0; 4]]);
    assert_eq!(world.desk.holding("long", 1).quantity, Decimal::ZERO);
    assert_eq!(world.desk.holding("short", 1).quantity, dec("-10"));
}

#[test]
fn entries_share_what_is_there_and_exits_come_first() {
    let mut world = World::new(CheckLimits::default(), &["MSFT", "AAPL"], Vec::new());
    world.bar(&[[50.0; 4], [100.0; 4]]);
    let seen = world.decide(vec![
        proposal("d1", "ema", OrderRequest::market(1, Side::Buy, dec("2000"))),
        proposal("d2", "ema", OrderRequest::market(2, Side::Buy, dec("960"))),
    ]);
    // 98,000 to spend, 196,000 wanted.
    assert_eq!(whats(&seen), ["entry Buy 480", "entry Buy 1000"]);
    assert_eq!(
        seen[0].sources,
        ["host:allocation reduced", "host approved"]
    );
    world.bar(&[[50.0; 4], [100.0; 4]]);
    assert_eq!(world.desk.ledger().cash(), dec("2000"));
    let seen = world.decide(vec![
        proposal("d3", "ema", OrderRequest::market(2, Side::Buy, dec("10"))),
        proposal("d4", "ema", OrderRequest::market(1, Side::Sell, dec("500"))),
    ]);
    assert_eq!(
        whats(&seen),
        [
            "exit Sell 500",
            "BUYING_POWER_EXCEEDED: observed 1000 needed by all entries at this moment, limit 0 \
             (every entry is cut to the same fraction)"
        ]
    );
}

#[test]
fn certain_exits_fund_entries_only_where_the_limits_say_so() {
    let limits = CheckLimits {
        pending_exits_fund_entries: true,
        ..CheckLimits::default()
    };
    let mut world = World::new(limits, &["MSFT", "AAPL"], Vec::new());
    world.bar(&[[50.0; 4], [100.0; 4]]);
    world.decide(vec![proposal(
        "d1",
        "ema",
        OrderRequest::market(1, Side::Buy, dec("1960")),
    )]);
    world.bar(&[[50.0; 4], [100.0; 4]]);
    let seen = world.decide(vec![
        proposal("d2", "ema", OrderRequest::market(2, Side::Buy, dec("980"))),
        proposal(
            "d3",
            "ema",
            OrderRequest::market(1, Side::Sell, dec("1960")),
        ),
    ]);
    assert_eq!(whats(&seen), ["exit Sell 1960", "entry Buy 980"]);
}

#[test]
fn a_short_sales_cash_is_not_spendable() {
    let mut world = World::new(CheckLimits::default(), &["MSFT", "AAPL"], Vec::new());
    world.bar(&[[50.0; 4], [100.0; 4]]);
    let short = OrderRequest::market(1, Side::Sell, dec("1960"));
    world.decide(vec![proposal("d1", "ema", short)]);
    world.bar(&[[50.0; 4], [100.0; 4]]);
    assert_eq!(world.desk.ledger().cash(), dec("198000"));
    let buy = OrderRequest::market(2, Side::Buy, dec("10"));
    let seen = world.decide(vec![proposal("d2", "ema", buy)]);
    assert!(
        seen[0].what.starts_with("BUYING_POWER_EXCEEDED"),
        "{seen:?}"
    );
}

#[test]
fn a_rule_that_halts_stops_everything_even_what_was_approved_before() {
    let rule = Scripted::new("halt", |order, _| {
        Ok(if order.owner == "b" {
            Verdict::Halt(denial("ENOUGH"))
        } else {
            Verdict::Approve
        })
    });
    let mut world = World::plain(vec![rule]);
    let buy = |decision: &str, owner: &str| {
        proposal(
            decision,
            owner,
            OrderRequest::market(1, Side::Buy, dec("1")),
        )
    };
    let dispositions = world
        .desk
        .decide(vec![buy("d1", "a"), buy("d2", "b"), buy("d3", "c")]);
    let seen: Vec<Verdicted> = dispositions.iter().map(Verdicted::of).collect();
    assert_eq!(
        whats(&seen),
        [
            "entry Buy 1",
            "ENOUGH: observed 1, limit 0",
            "TRADING_STATE: observed halted, limit no orders"
        ]
    );
    let (state, cause) = world.desk.trading_state();
    assert_eq!(state, TradingState::Halted);
    let cause = cause.unwrap();
    assert!(cause.actor.starts_with("rule:"), "{}", cause.actor);
    assert!(cause.reason.starts_with("ENOUGH"), "{}", cause.reason);
    assert_eq!(world.desk.take_raised().len(), 1);

    let first = dispositions.into_iter().next().unwrap();
    let Ruling::Send(order) = first.ruling else {
        panic!("the first was approved")
    };
    let (desk, mut gateway) = world.gateway();
    let sent = desk.send(order, &mut gateway);
    let Err(SendError::Gateway(GatewayError::Stopped(why))) = sent.outcome else {
        panic!("{:?}", sent.outcome)
    };
    assert!(
        why.starts_with("trading is halted in scope session:"),
        "{why}"
    );
    assert_eq!(world.venue.working_in(1), 0);
    assert_eq!(world.desk.orders().iter().count(), 0);
}

#[test]
fn nonsense_is_denied_and_never_panics() {
    let mut world = World::plain(Vec::new());
    for (request, code) in [
        (
            OrderRequest::market(9, Side::Buy, dec("1")),
            "INSTRUMENT_UNKNOWN",
        ),
        (
            OrderRequest::market(1, Side::Buy, dec("-1")),
            "QUANTITY_NOT_POSITIVE",
        ),
        (
            OrderRequest::market(1, Side::Buy, Decimal::MAX),
            "QUANTITY_ABSURD",
        ),
        (
            OrderRequest::market(1, Side::Sell, Decimal::MIN),
            "QUANTITY_NOT_POSITIVE",
        ),
        (
            OrderRequest {
                kind: OrderKind::Limit(Decimal::MAX),
                ..OrderRequest::market(1, Side::Buy, dec("1"))
            },
            "PRICE_ABSURD",
        ),
    ] {
        let seen = world.request(request);
        assert!(seen[0].what.starts_with(code), "{seen:?}");
    }
}

proptest! {
    #[test]
    fn rules_never_enlarge(
        asked in 1u32..900,
        answers in proptest::collection::vec(-50i64..2_000, 1..6),
    ) {
        let rules = answers
            .iter()
            .enumerate()
            .map(|(index, answer)| {
                let answer = Decimal::from(*answer);
                Scripted::new(&format!("rule-{index}"), move |_, _| {
                    Ok(Verdict::ReduceTo(answer, denial("CUT")))
                }) as Box<dyn RiskRule>
            })
            .collect();
        let mut world = World::plain(rules);
        let request = OrderRequest::market(1, Side::Buy, asked.into());
        let dispositions = world.desk.decide(vec![proposal("d", "ema", request)]);
        let least = answers.iter().copied().min().unwrap().min(i64::from(asked));
        match &dispositions[0].ruling {
            Ruling::Send(order) => prop_assert_eq!(order.request.quantity, Decimal::from(least)),
            Ruling::Deny(_) => prop_assert!(least <= 0),
            Ruling::Cancel | Ruling::Replace(_) => prop_assert!(false),
        }
        let mut left = Decimal::from(asked);
        for record in &dispositions[0].verdicts {
            prop_assert!(record.quantity <= left);
            left = record.quantity;
        }
    }

    #[test]
    fn neither_the_order_of_proposals_nor_of_instruments_changes_anything(
        wanted in proptest::collection::vec(
            (0usize..3, 0usize..3, any::<bool>(), 1u32..1_500),
            1..8,
        ),
        by_proposal in any::<prop::sample::Index>(),
        turn in 0usize..3,
    ) {
        const SYMBOLS: [&str; 3] = ["AAPL", "IBM", "MSFT"];
        const OWNERS: [&str; 3] = ["ema", "ml", "person"];
        const PRICES: [f64; 3] = [100.0, 55.5, 31.25];
        let run = |turn: usize, rotate: usize| {
            let mut symbols = SYMBOLS;
            let mut prices = PRICES;
            symbols.rotate_left(turn);
            prices.rotate_left(turn);
            let mut world = World::new(CheckLimits::default(), &symbols, Vec::new());
            world.bar(&prices.map(|price| [price; 4]));
            let mut seen = Vec::new();
            for round in 0..3 {
                let mut proposals: Vec<_> = wanted
                    .iter()
                    .enumerate()
                    .map(|(index, (symbol, owner, buy, quantity))| {
                        let handle = symbols
                            .iter()
                            .position(|name| *name == SYMBOLS[*symbol])
                            .unwrap() as u32 + 1;
                        let side = if *buy == (round % 2 == 0) { Side::Buy } else { Side::Sell };
                        proposal(
                            &format!("d-{round}-{index}"),
                            OWNERS[*owner],
                            OrderRequest::market(handle, side, (*quantity).into()),
                        )
                    })
                    .collect();
                proposals.rotate_left(rotate);
                seen.extend(world.decide(proposals));
                world.bar(&prices.map(|price| [price; 4]));
            }
            (seen, world.desk.equity(), world.desk.ledger().cash())
        };
        let straight = run(0, 0);
        prop_assert_eq!(&straight, &run(turn, by_proposal.index(wanted.len())));
    }

    #[test]
    fn what_is_proven_to_reduce_never_goes_through_zero_whatever_fills_first(
        wanted in proptest::collection::vec((0u8..3, any::<bool>(), 1u32..150), 1..8),
        fills in proptest::collection::vec(any::<prop::sample::Index>(), 8),
        long in any::<bool>(),
    ) {
        let mut world = World::plain(Vec::new());
        let (open, close) = if long { (Side::Buy, Side::Sell) } else { (Side::Sell, Side::Buy) };
        world.order(open, "100");
        world.bar(&[[100.0; 4]]);
        for (index, (kind, reduce_only, quantity)) in wanted.into_iter().enumerate() {
            let request = OrderRequest {
                kind: match kind {
                    0 => OrderKind::Market,
                    1 => OrderKind::Limit(dec("100")),
                    _ => OrderKind::Stop(dec("100")),
                },
                reduce_only,
                ..OrderRequest::market(1, close, quantity.into())
            };
            let decision = format!("d-{index}");
            let mut dispositions = world.desk.decide(vec![proposal(&decision, "ema", request)]);
            dispositions.retain(|disposition| {
                let entry = disposition.leg == bulkhead_desk::Leg::Entry
                    && matches!(disposition.ruling, Ruling::Send(_));
                if entry {
                    let (desk, mut gateway) = world.gateway();
                    desk.cancel(&disposition.client_order_id, &mut gateway).unwrap();
                }
                !entry
            });
            world.carry_out(dispositions);
        }
        let mut working: Vec<(bool, Decimal)> = world
            .desk
            .orders()
            .iter()
            .map(|working| (working.order.request.reduce_only, working.leaves()))
            .collect();
        let mut held = Decimal::from(100);
        for fill in fills {
            if working.is_empty() {
                break;
            }
            let (reduce_only, quantity) = working.swap_remove(fill.index(working.len()));
            held -= if reduce_only { quantity.min(held) } else { quantity };
            prop_assert!(held >= Decimal::ZERO, "{held} after {quantity}");
        }
    }
}

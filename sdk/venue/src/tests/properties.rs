//! What holds in every scenario.

use super::*;
use crate::config::{PartialFills, VenueAccount};
use crate::cost::SlippageModel;
use crate::number::{from_f64, split_units, to_f64};
use crate::testkit::{Command, Event, Scenario, Shape, play_natively};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// The scenario of a seed; of every second one, with two accounts and fills that are cut at random.
fn scenario(seed: u64, shape: Shape) -> Scenario {
    let mut scenario = Scenario::generate(seed, shape);
    if seed % 2 == 1 {
        scenario.config.partial_fills = Some(PartialFills { chance: 0.4, seed });
        scenario.config.further_accounts.push(VenueAccount {
            id: "second".to_owned(),
            fee_currency: "USD".to_owned(),
        });
        for turn in &mut scenario.turns {
            for command in &mut turn.commands {
                if let Command::Submit(order) = command
                    && order.client_order_id.ends_with(['0', '3', '6', '9'])
                {
                    "second".clone_into(&mut order.account);
                }
            }
        }
    }
    scenario
}

/// Shrinks towards fewer instruments, bars and commands.
fn shapes(actions: bool) -> impl Strategy<Value = (u64, Shape)> {
    (any::<u64>(), 1u32..4, 2u32..60, 1u32..6).prop_map(
        move |(seed, instruments, turns, commands)| {
            (
                seed,
                Shape {
                    instruments,
                    turns,
                    commands,
                    actions,
                },
            )
        },
    )
}

fn updates(events: &[Event]) -> impl Iterator<Item = (usize, &OrderUpdate)> {
    events.iter().filter_map(|event| match event {
        Event::Update { turn, update } => Some((*turn, update)),
        Event::Answer { .. } => None,
    })
}

fn executions(events: &[Event]) -> impl Iterator<Item = (usize, &Execution)> {
    updates(events).filter_map(|(turn, update)| Some((turn, update.execution.as_ref()?)))
}

/// `order-7` of `order-7-r12` and `order-7-tp`.
fn root(id: &str) -> String {
    id.splitn(3, '-').take(2).collect::<Vec<_>>().join("-")
}

/// Orders as first sent, and replacements, by client order id, where they were taken.
fn taken(scenario: &Scenario, events: &[Event]) -> BTreeMap<String, OrderRequest> {
    let mut orders = BTreeMap::new();
    for event in events {
        let Event::Answer {
            turn,
            position,
            answer: Ok(()),
        } = event
        else {
            continue;
        };
        match &scenario.turns[*turn].commands[*position] {
            Command::Submit(order) => {
                let id = &order.client_order_id;
                for (suffix, kind) in [
                    (
                        "-tp",
                        order
                            .request
                            .bracket
                            .and_then(|bracket| bracket.take_profit)
                            .map(OrderKind::Limit),
                    ),
                    (
                        "-sl",
                        order
                            .request
                            .bracket
                            .and_then(|bracket| bracket.stop_loss)
                            .map(OrderKind::Stop),
                    ),
                ] {
                    let Some(kind) = kind else { continue };
                    let side = order.request.side.opposite();
                    let request = OrderRequest {
                        kind,
                        side,
                        reduce_only: true,
                        ..order.request.clone()
                    };
                    orders.insert(format!("{id}{suffix}"), request);
                }
                orders.insert(id.clone(), order.request.clone());
            }
            Command::Replace(change) => {
                let mut request = orders[&change.client_order_id].clone();
                request.kind = change.kind;
                request.quantity = change.quantity;
                orders.insert(change.new_client_order_id.clone(), request);
            }
            Command::Cancel(_) => {}
        }
    }
    orders
}

fn step_of(scenario: &Scenario, turn: usize, instrument: InstrumentHandle) -> Option<&Step> {
    scenario
        .turns
        .get(turn)?
        .steps
        .iter()
        .find(|step| step.instrument == instrument)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_order_fills_exactly_what_it_no_longer_has_left(
        (seed, shape) in shapes(false),
    ) {
        let scenario = scenario(seed, shape);
        let mut left: BTreeMap<&str, Decimal> = BTreeMap::new();
        let mut filled: BTreeMap<&str, Decimal> = BTreeMap::new();
        let events = play_natively(&scenario).unwrap();
        for event in &events {
            match event {
                Event::Answer { turn, position, answer: Ok(()) } => {
                    match &scenario.turns[*turn].commands[*position] {
                        Command::Submit(order) => {
                            left.insert(&order.client_order_id, order.request.quantity);
                        }
                        Command::Replace(change) => {
                            left.remove(change.client_order_id.as_str());
                            let before = filled.get(change.client_order_id.as_str()).copied();
                            let id = change.new_client_order_id.as_str();
                            filled.insert(id, before.unwrap_or_default());
                            left.insert(id, change.quantity - before.unwrap_or_default());
                        }
                        Command::Cancel(id) => {
                            left.remove(id.as_str());
                        }
                    }
                }
                Event::Answer { .. } => {}
                Event::Update { update, .. } => {
                    let id = update.client_order_id.as_str();
                    if let Some(execution) = &update.execution {
                        let before = left[id];
                        prop_assert!(execution.quantity > Decimal::ZERO);
                        prop_assert_eq!(before - execution.quantity, update.leaves, "{:?}", update);
                        *filled.entry(id).or_default() += execution.quantity;
                    } else if !update.leaves.is_zero()
                        && (update.outcome != Outcome::Accepted || update.reason.starts_with("replaces"))
                        && left.contains_key(id)
                    {
                        prop_assert_eq!(left[id], update.leaves, "{:?}", update);
                    }
                    left.insert(id, update.leaves);
                }
            }
        }
    }

    #[test]
    fn the_exits_of_a_bracket_never_sell_more_than_its_entry_bought(
        (seed, shape) in shapes(false),
    ) {
        let mut scenario = scenario(seed, shape);
        for turn in &mut scenario.turns {
            turn.commands.retain(|command| !matches!(command, Command::Replace(_)));
        }
        let mut open: BTreeMap<String, Decimal> = BTreeMap::new();
        let events = play_natively(&scenario).unwrap();
        for (_, execution) in executions(&events) {
            let id = &execution.client_order_id;
            let net = open.entry(root(id)).or_default();
            if root(id) == *id {
                *net += execution.quantity;
            } else {
                *net -= execution.quantity;
                prop_assert!(*net >= Decimal::ZERO, "{id} leaves {net}");
            }
        }
    }

    #[test]
    fn fills_keep_to_their_share_of_volume_in_whole_lots((seed, shape) in shapes(false)) {
        let scenario = scenario(seed, shape);
        let events = play_natively(&scenario).unwrap();
        let mut at_open: BTreeMap<(usize, u32), Decimal> = BTreeMap::new();
        let mut within: BTreeMap<(Nanos, u32), Decimal> = BTreeMap::new();
        for (turn, execution) in executions(&events) {
            let spec = scenario.instruments.iter().find(|spec| spec.handle == execution.instrument).unwrap();
            prop_assert!((execution.quantity % spec.lot).is_zero());
            let step = step_of(&scenario, turn, execution.instrument);
            if step.is_some_and(|step| step.open_time == execution.time) {
                *at_open.entry((turn, execution.instrument)).or_default() += execution.quantity;
            } else {
                *within.entry((execution.time, execution.instrument)).or_default() += execution.quantity;
            }
        }
        let Some(share) = scenario.config.max_volume_share else { return Ok(()) };
        for ((turn, instrument), quantity) in at_open {
            let known: Vec<f64> = scenario.turns[..turn]
                .iter()
                .flat_map(|turn| &turn.steps)
                .filter(|step| step.instrument == instrument)
                .map(|step| step.bar.volume)
                .collect();
            let recent = &known[known.len().saturating_sub(20)..];
            let mean = recent.iter().sum::<f64>() / recent.len() as f64;
            prop_assert!(to_f64(quantity) <= share * mean + 1e-6, "{quantity} of {mean}");
            let volume = step_of(&scenario, turn, instrument).unwrap().bar.volume;
            prop_assert!(volume > 0.0);
        }
        for ((time, instrument), quantity) in within {
            let turn = scenario.turns.iter().position(|turn| turn.time == time).unwrap();
            let volume = step_of(&scenario, turn, instrument).unwrap().bar.volume;
            prop_assert!(to_f64(quantity) <= share * volume + 1e-6, "{quantity} of {volume}");
        }
    }

    #[test]
    fn fills_are_within_the_bar_but_for_slippage_and_limits_hold((seed, shape) in shapes(false)) {
        let scenario = scenario(seed, shape);
        let events = play_natively(&scenario).unwrap();
        let orders = taken(&scenario, &events);
        for (turn, execution) in executions(&events) {
            let closed = |turn: &usize| {
                let step = step_of(&scenario, *turn, execution.instrument);
                step.is_some_and(|step| step.open_time == execution.time || step.bar.time == execution.time)
            };
            let turn = (0..=turn).rev().find(closed).unwrap_or(turn);
            let Some(step) = step_of(&scenario, turn, execution.instrument) else {
                return Err(TestCaseError::fail(format!("no bar for {execution:?}")));
            };
            let spec = scenario.instruments.iter().find(|spec| spec.handle == execution.instrument).unwrap();
            let high = from_f64(step.bar.high).unwrap();
            let low = from_f64(step.bar.low).unwrap();
            let slack = match (scenario.config.slippage, execution.liquidity) {
                (_, Liquidity::Maker) | (SlippageModel::None, _) => Decimal::ZERO,
                (SlippageModel::Bps { bps }, _) => high * bps / dec("10000") + spec.tick,
                (SlippageModel::VolumeShare { impact }, _) => high * impact + spec.tick,
            };
            prop_assert!(execution.price >= low - slack && execution.price <= high + slack, "{execution:?}");
            if let OrderKind::Limit(limit) | OrderKind::StopLimit { limit, .. } =
                orders[&execution.client_order_id].kind
            {
                prop_assert!((limit - execution.price) * execution.side.sign() >= Decimal::ZERO);
            }
        }
    }

    #[test]
    fn the_order_of_steps_instruments_and_other_instruments_orders_changes_nothing(
        (seed, shape) in shapes(true),
    ) {
        let scenario = scenario(seed, shape);
        let straight = play_natively(&scenario).unwrap();
        let mut mixed = scenario.clone();
        mixed.instruments.reverse();
        let mut home: BTreeMap<String, u32> = BTreeMap::new();
        for turn in &mut mixed.turns {
            turn.steps.reverse();
            for command in &turn.commands {
                if let Command::Submit(order) = command {
                    home.insert(order.client_order_id.clone(), order.request.instrument);
                }
            }
            let of = |id: &str| home.get(&root(id)).copied();
            turn.commands.sort_by_key(|command| match command {
                Command::Submit(order) => Some(order.request.instrument),
                Command::Replace(change) => of(&change.client_order_id),
                Command::Cancel(id) => of(id),
            });
        }
        let other = play_natively(&mixed).unwrap();
        prop_assert_eq!(
            updates(&straight).collect::<Vec<_>>(),
            updates(&other).collect::<Vec<_>>()
        );
    }

    #[test]
    fn later_bars_never_change_what_came_before(
        seed in any::<u64>(), turns in 2u32..40, more in 1u32..20, commands in 1u32..6,
    ) {
        let shape = Shape { instruments: 2, turns, commands, actions: true };
        let short = play_natively(&scenario(seed, shape)).unwrap();
        let long = scenario(seed, Shape { turns: turns + more, ..shape });
        let long = play_natively(&long).unwrap();
        let before_the_end = |events: Vec<Event>| -> Vec<Event> {
            events
                .into_iter()
                .filter(|event| match event {
                    Event::Answer { turn, .. } | Event::Update { turn, .. } => *turn < turns as usize,
                })
                .collect()
        };
        prop_assert_eq!(before_the_end(short), before_the_end(long));
    }

    #[test]
    fn a_reduce_only_order_never_flips_or_grows_a_position((seed, shape) in shapes(true)) {
        let scenario = scenario(seed, shape);
        let events = play_natively(&scenario).unwrap();
        let orders = taken(&scenario, &events);
        let mut positions: BTreeMap<(u32, &str), Decimal> = BTreeMap::new();
        let mut seen = 0;
        for (turn, execution) in executions(&events) {
            while seen <= turn && seen < scenario.turns.len() {
                if scenario.turns[seen].steps.first().is_some_and(|step| execution.time < step.open_time) {
                    break;
                }
                for step in &scenario.turns[seen].steps {
                    let spec = scenario.instruments.iter().find(|spec| spec.handle == step.instrument).unwrap();
                    let all = positions.iter_mut();
                    for (_, position) in all.filter(|((instrument, _), _)| *instrument == step.instrument) {
                        for action in &step.actions {
                            if let ActionKind::Split { numerator, denominator } = action.kind {
                                (*position, _) = split_units(*position, numerator, denominator, spec.lot).unwrap();
                            }
                        }
                    }
                }
                seen += 1;
            }
            let holder = (execution.instrument, execution.account.as_str());
            let position = positions.entry(holder).or_default();
            let before = *position;
            *position += execution.side.sign() * execution.quantity;
            if orders[&execution.client_order_id].reduce_only {
                prop_assert!(position.abs() < before.abs(), "{before} to {position} by {execution:?}");
                prop_assert!(*position * before >= Decimal::ZERO, "{before} to {position} by {execution:?}");
            }
        }
    }

    #[test]
    fn an_order_ends_once_and_nothing_follows((seed, shape) in shapes(true)) {
        let scenario = scenario(seed, shape);
        let events = play_natively(&scenario).unwrap();
        let mut over: BTreeMap<&str, Outcome> = BTreeMap::new();
        let mut last: Nanos = Nanos::MIN;
        for (_, update) in updates(&events) {
            prop_assert!(update.time >= last, "time runs backwards at {update:?}");
            last = update.time;
            let id = update.client_order_id.as_str();
            prop_assert!(!over.contains_key(id), "{update:?} after {:?}", over[id]);
            if !matches!(update.outcome, Outcome::Accepted | Outcome::Triggered | Outcome::PartiallyFilled) {
                prop_assert!(update.leaves.is_zero());
                over.insert(id, update.outcome);
            }
        }
        let mut ids: Vec<&str> = executions(&events).map(|(_, execution)| execution.execution_id.as_str()).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        prop_assert_eq!(ids.len(), count, "execution ids are unique");
    }

    #[test]
    fn a_venue_that_was_written_and_read_goes_on_as_if_nothing_had_happened(
        (seed, shape) in shapes(true), at in 0usize..40,
    ) {
        let scenario = scenario(seed, shape);
        let mut venue = Venue::new(scenario.config.clone(), &scenario.instruments).unwrap();
        let straight = play_natively(&scenario).unwrap();
        let mut events = Vec::new();
        for (turn, now) in scenario.turns.iter().enumerate() {
            if turn == at {
                let text = serde_json::to_string(&venue).unwrap();
                venue = serde_json::from_str(&text).unwrap();
            }
            let updates = venue.advance(&now.steps).unwrap();
            events.extend(updates.into_iter().map(|update| Event::Update { turn, update }));
            for (position, command) in now.commands.iter().enumerate() {
                let answer = match command {
                    Command::Submit(order) => venue.submit(order, now.time),
                    Command::Replace(change) => venue.replace(change, now.time),
                    Command::Cancel(id) => venue.cancel(id),
                };
                let answer = answer.map_err(|reject| reject.code().to_owned());
                events.push(Event::Answer { turn, position, answer });
            }
        }
        let turn = scenario.turns.len();
        let updates = venue.finish(scenario.end());
        events.extend(updates.into_iter().map(|update| Event::Update { turn, update }));
        prop_assert_eq!(events, straight);
    }
}

#[test]
fn scenarios_exercise_every_outcome_and_most_refusals() {
    let mut outcomes = Vec::new();
    let mut codes = Vec::new();
    for seed in 0..300 {
        let shape = Shape {
            instruments: 2,
            turns: 60,
            commands: 5,
            actions: true,
        };
        for event in play_natively(&scenario(seed, shape)).unwrap() {
            match event {
                Event::Update { update, .. } => outcomes.push(format!("{:?}", update.outcome)),
                Event::Answer {
                    answer: Err(code), ..
                } => codes.push(code),
                Event::Answer { .. } => {}
            }
        }
    }
    for list in [&mut outcomes, &mut codes] {
        list.sort_unstable();
        list.dedup();
    }
    assert_eq!(
        outcomes,
        [
            "Accepted",
            "Cancelled",
            "Expired",
            "Filled",
            "PartiallyFilled",
            "Rejected",
            "Triggered"
        ]
    );
    for code in [
        "closed",
        "contradiction",
        "duplicate",
        "expired",
        "filled",
        "off-lot",
        "off-tick",
        "unknown-order",
    ] {
        assert!(
            codes.iter().any(|seen| seen == code),
            "{code} never occurred: {codes:?}"
        );
    }
}

//! Scenarios from a seed. Prices walk in ticks, so they are as clean as quoted ones.

use super::{Command, Scenario, Shape, Turn};
use crate::config::{FillTiming, InstrumentSpec, VenueConfig};
use crate::cost::{FeeModel, SlippageModel};
use crate::number::to_f64;
use crate::order::{
    ActionKind, Bar, Bracket, CorporateAction, InstrumentHandle, Nanos, Order, OrderKind,
    OrderRequest, Replacement, Side, Step, TimeInForce, Trail,
};
use rust_decimal::Decimal;

const HOUR: Nanos = 3_600_000_000_000;

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Within `least..=most`.
    fn between(&mut self, least: i64, most: i64) -> i64 {
        let span = (most - least) as u64 + 1;
        least + (self.next() % span) as i64
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.next().is_multiple_of(chances)
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[(self.next() % from.len() as u64) as usize]
    }
}

/// One instrument on its walk.
struct Walker {
    spec: InstrumentSpec,
    /// Last close in ticks.
    close: i64,
}

pub(super) fn scenario(seed: u64, shape: Shape) -> Scenario {
    let mut draws = Draws(seed);
    let config = config(&mut draws);
    let mut walkers: Vec<Walker> = (0..shape.instruments.max(1))
        .map(|at| walker(&mut draws, at * 3))
        .collect();
    let daily = draws.one_in(2);
    let mut ids: Vec<(String, InstrumentHandle)> = Vec::new();
    let mut turns = Vec::new();
    for number in 0..i64::from(shape.turns) {
        let (open_time, time, session_end) = if daily {
            (
                number * 24 * HOUR + 14 * HOUR,
                number * 24 * HOUR + 21 * HOUR,
                true,
            )
        } else {
            (
                number * HOUR + HOUR / 60,
                (number + 1) * HOUR,
                number % 4 == 3,
            )
        };
        let mut steps = Vec::new();
        for walker in &mut walkers {
            let actions = if shape.actions {
                actions(&mut draws, walker, open_time)
            } else {
                Vec::new()
            };
            let bar = bar(&mut draws, walker, time);
            if !actions.is_empty() || !draws.one_in(12) {
                steps.push(Step {
                    instrument: walker.spec.handle,
                    open_time,
                    bar,
                    session_end,
                    actions,
                });
            }
        }
        let commands = (0..draws.between(0, i64::from(shape.commands)))
            .map(|_| command(&mut draws, &walkers, &mut ids, time, &config))
            .collect();
        turns.push(Turn {
            steps,
            time,
            commands,
        });
    }
    Scenario {
        config,
        instruments: walkers.into_iter().map(|walker| walker.spec).collect(),
        turns,
    }
}

fn config(draws: &mut Draws) -> VenueConfig {
    VenueConfig {
        fill: draws.pick(&[
            FillTiming::NextOpen,
            FillTiming::NextOpen,
            FillTiming::Close,
        ]),
        slippage: draws.pick(&[
            SlippageModel::None,
            SlippageModel::Bps {
                bps: Decimal::from(5),
            },
            SlippageModel::VolumeShare {
                impact: Decimal::new(1, 1),
            },
        ]),
        fees: draws.pick(&[
            FeeModel::None,
            FeeModel::Fraction {
                rate: Decimal::new(1, 3),
            },
            FeeModel::PerShare {
                rate: Decimal::new(5, 3),
                minimum: Decimal::ONE,
            },
            FeeModel::MakerTaker {
                maker: Decimal::new(-1, 4),
                taker: Decimal::new(5, 4),
            },
        ]),
        max_volume_share: draws.pick(&[Some(0.025), Some(0.025), Some(0.5), None]),
        round_to_tick: !draws.one_in(3),
        ..VenueConfig::default()
    }
}

fn walker(draws: &mut Draws, handle: InstrumentHandle) -> Walker {
    let tick = draws.pick(&[Decimal::new(1, 2), Decimal::new(5, 2), Decimal::new(25, 2)]);
    let lot = draws.pick(&[Decimal::ONE, Decimal::ONE, Decimal::new(1, 1), Decimal::TEN]);
    let multiplier = draws.pick(&[Decimal::ONE, Decimal::from(50)]);
    Walker {
        spec: InstrumentSpec {
            handle,
            tick,
            lot,
            multiplier,
        },
        close: draws.between(500, 5_000),
    }
}

fn bar(draws: &mut Draws, walker: &mut Walker, time: Nanos) -> Bar {
    let gap = if draws.one_in(6) {
        draws.between(-40, 40)
    } else {
        draws.between(-3, 3)
    };
    let open = (walker.close + gap).max(2);
    let close = (open + draws.between(-30, 30)).max(2);
    let high = open.max(close) + draws.between(0, 15);
    let low = (open.min(close) - draws.between(0, 15)).max(1);
    walker.close = close;
    let price = |ticks: i64| to_f64(Decimal::from(ticks) * walker.spec.tick);
    let volume = if draws.one_in(15) {
        0
    } else {
        draws.between(1, 4_000)
    };
    Bar {
        time,
        open: price(open),
        high: price(high),
        low: price(low),
        close: price(close),
        volume: volume as f64,
        factor: 1.0,
    }
}

fn actions(draws: &mut Draws, walker: &mut Walker, time: Nanos) -> Vec<CorporateAction> {
    let mut actions = Vec::new();
    if draws.one_in(20) {
        let (numerator, denominator) = draws.pick(&[(2, 1), (3, 2), (1, 10), (7, 3)]);
        walker.close = (walker.close * i64::from(denominator) / i64::from(numerator)).max(2);
        actions.push(CorporateAction {
            time,
            kind: ActionKind::Split {
                numerator,
                denominator,
            },
        });
    }
    if draws.one_in(20) {
        actions.push(CorporateAction {
            time,
            kind: ActionKind::Dividend(Decimal::new(35, 2)),
        });
    }
    if draws.one_in(40) {
        let kind = ActionKind::Other {
            code: "spin-off".to_owned(),
            text: "a part goes its own way".to_owned(),
        };
        actions.push(CorporateAction { time, kind });
    }
    actions
}

fn command(
    draws: &mut Draws,
    walkers: &[Walker],
    ids: &mut Vec<(String, InstrumentHandle)>,
    now: Nanos,
    config: &VenueConfig,
) -> Command {
    if !ids.is_empty() && draws.one_in(5) {
        let at = (draws.next() % ids.len() as u64) as usize;
        let (id, instrument) = ids[at].clone();
        let exit = draws.pick(&["", "", "-tp", "-sl"]);
        let client_order_id = format!("{id}{exit}");
        let Some(walker) = walkers
            .iter()
            .find(|walker| walker.spec.handle == instrument)
        else {
            return Command::Cancel(client_order_id);
        };
        if draws.one_in(2) {
            return Command::Cancel(client_order_id);
        }
        let new_client_order_id = format!("{id}-r{}", draws.between(1, 999));
        let quantity = walker.spec.lot * Decimal::from(draws.between(1, 80));
        let kind = kind(draws, walker);
        return Command::Replace(Replacement {
            client_order_id,
            new_client_order_id,
            quantity,
            kind,
        });
    }
    let walker = &walkers[(draws.next() % walkers.len() as u64) as usize];
    let repeated = ids
        .iter()
        .rev()
        .find(|(_, instrument)| *instrument == walker.spec.handle);
    let id = match repeated {
        Some((id, _)) if draws.one_in(40) => id.clone(),
        _ => format!("order-{}", ids.len()),
    };
    let request = request(draws, walker, now);
    ids.push((id.clone(), walker.spec.handle));
    Command::Submit(Order {
        client_order_id: id,
        account: config.account.clone(),
        owner: "scenario".to_owned(),
        request,
    })
}

fn request(draws: &mut Draws, walker: &Walker, now: Nanos) -> OrderRequest {
    let side = draws.pick(&[Side::Buy, Side::Sell]);
    let kind = kind(draws, walker);
    let off = if draws.one_in(40) {
        walker.spec.lot / Decimal::TWO
    } else {
        Decimal::ZERO
    };
    let reduce_only = draws.one_in(4);
    OrderRequest {
        instrument: walker.spec.handle,
        side,
        quantity: walker.spec.lot * Decimal::from(draws.between(1, 60)) + off,
        kind,
        time_in_force: match draws.between(0, 9) {
            0..=2 => TimeInForce::Day,
            3..=6 => TimeInForce::GoodTillCancelled,
            7 => TimeInForce::GoodTillDate(now + draws.between(-1, 60) * HOUR),
            8 => TimeInForce::ImmediateOrCancel,
            _ => TimeInForce::FillOrKill,
        },
        reduce_only,
        post_only: matches!(kind, OrderKind::Limit(_)) && draws.one_in(3),
        bracket: (!reduce_only && draws.one_in(3)).then(|| bracket(draws, walker, side)),
        tag: String::new(),
    }
}

fn price(draws: &mut Draws, walker: &Walker, least: i64, most: i64) -> Decimal {
    let off = if draws.one_in(60) {
        walker.spec.tick / Decimal::TWO
    } else {
        Decimal::ZERO
    };
    Decimal::from((walker.close + draws.between(least, most)).max(1)) * walker.spec.tick + off
}

fn kind(draws: &mut Draws, walker: &Walker) -> OrderKind {
    match draws.between(0, 9) {
        0..=2 => OrderKind::Market,
        3..=5 => OrderKind::Limit(price(draws, walker, -35, 35)),
        6..=7 => OrderKind::Stop(price(draws, walker, -35, 35)),
        8 => OrderKind::StopLimit {
            stop: price(draws, walker, -25, 25),
            limit: price(draws, walker, -25, 25),
        },
        _ if draws.one_in(2) => OrderKind::TrailingStop(Trail::Amount(
            Decimal::from(draws.between(1, 30)) * walker.spec.tick,
        )),
        _ => OrderKind::TrailingStop(Trail::Fraction(Decimal::new(draws.between(5, 80), 3))),
    }
}

fn bracket(draws: &mut Draws, walker: &Walker, side: Side) -> Bracket {
    let above = price(draws, walker, 1, 40);
    let below = price(draws, walker, -40, 0);
    let (target, stop) = if side == Side::Buy {
        (above, below)
    } else {
        (below, above)
    };
    match draws.between(0, 5) {
        0 => Bracket {
            take_profit: Some(target),
            stop_loss: None,
        },
        1 => Bracket {
            take_profit: None,
            stop_loss: Some(stop),
        },
        _ => Bracket {
            take_profit: Some(target),
            stop_loss: Some(stop),
        },
    }
}

//! The plugin `ema-cross` as native code: what the sandbox costs is the difference.

use bulkhead_domain::order::{Bar, InstrumentHandle};
use bulkhead_domain::strategy::{Delivery, Intent, Requirements, Slice, State};
use bulkhead_domain::{Decimal, Instrument, Problem};
use bulkhead_session::backtest::Trader;

const FAST: u32 = 10;
const SLOW: u32 = 30;

struct Followed {
    instrument: InstrumentHandle,
    fast: f64,
    slow: f64,
    seen: u64,
    long: bool,
}

pub(super) struct EmaCross {
    requirements: Requirements,
    followed: Vec<Followed>,
}

fn alpha(period: u32) -> f64 {
    2.0 / (f64::from(period) + 1.0)
}

impl EmaCross {
    pub(super) fn new(instruments: &[Instrument]) -> EmaCross {
        let mut followed: Vec<_> = instruments
            .iter()
            .map(|instrument| Followed {
                instrument: instrument.handle,
                fast: 0.0,
                slow: 0.0,
                seen: 0,
                long: false,
            })
            .collect();
        followed.sort_by_key(|one| one.instrument);
        EmaCross {
            requirements: Requirements {
                delivery: Delivery::Bar,
                warm_up: SLOW,
                features: Vec::new(),
                models: Vec::new(),
                extra: Vec::new(),
            },
            followed,
        }
    }
}

impl Trader for EmaCross {
    fn requirements(&self) -> &Requirements {
        &self.requirements
    }

    fn on_bar(
        &mut self,
        instrument: InstrumentHandle,
        bar: &Bar,
        _state: &State,
    ) -> Result<Vec<Intent>, Problem> {
        let at = self
            .followed
            .binary_search_by_key(&instrument, |one| one.instrument);
        let Some(one) = at.ok().and_then(|at| self.followed.get_mut(at)) else {
            return Ok(Vec::new());
        };
        let price = bar.close * bar.factor;
        if one.seen == 0 {
            (one.fast, one.slow) = (price, price);
        } else {
            one.fast += alpha(FAST) * (price - one.fast);
            one.slow += alpha(SLOW) * (price - one.slow);
        }
        one.seen += 1;
        let long = one.fast > one.slow;
        if one.seen <= u64::from(SLOW) || long == one.long {
            return Ok(Vec::new());
        }
        one.long = long;
        let relation = if long { "above" } else { "not above" };
        Ok(vec![Intent::Target {
            instrument,
            quantity: if long {
                Decimal::ONE_HUNDRED
            } else {
                Decimal::ZERO
            },
            confidence: None,
            reason: format!(
                "EMA {FAST} at {:.4} is {relation} EMA {SLOW} at {:.4}",
                one.fast, one.slow
            ),
        }])
    }

    fn on_slice(&mut self, _slice: &Slice) -> Result<Vec<Intent>, Problem> {
        Ok(Vec::new())
    }
}

//! Handing the state of a running instance to the next generation's.
//!
//! An instance that carries state (a strategy, a fitted model, a stateful rule) is not swapped by its plugin
//! alone: the new instance has to know what the old one knew. Where the old one can give its state and the new
//! one takes it, that is done; else the new one is rebuilt by telling it the past again, in a fresh instance,
//! because one that refused a state halfway may hold half of it.
//!
//! The old instance is asked for its state and nothing else. Whatever fails afterwards leaves it in service.
//! Only a plugin that fails while it is asked is retired, as by any other call that fails.

use bulkhead_domain::Problem;
use bulkhead_sandbox::{BrokerPlugin, CallError, FittedModel, RiskRulePlugin, StrategyInstance};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// An instance that may give its state and take another's.
pub trait Stateful {
    /// The state; `None` where the plugin cannot give any.
    ///
    /// # Errors
    /// When the plugin says that it has none to give, or fails.
    fn save(&mut self) -> Result<Option<Vec<u8>>, CallError>;

    /// Takes a state; `false` where the plugin cannot.
    ///
    /// # Errors
    /// When the plugin refuses the state, or fails. The instance is then not to be used.
    fn restore(&mut self, state: &[u8]) -> Result<bool, CallError>;
}

macro_rules! stateful {
    ($($kind:ty),*) => { $(
        impl Stateful for $kind {
            fn save(&mut self) -> Result<Option<Vec<u8>>, CallError> {
                <$kind>::save(self)
            }

            fn restore(&mut self, state: &[u8]) -> Result<bool, CallError> {
                <$kind>::restore(self, state)
            }
        }
    )* };
}
stateful!(StrategyInstance, RiskRulePlugin, BrokerPlugin);

/// How a new instance came to its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "way")]
pub enum Way {
    /// The old one's, taken over.
    Snapshot {
        /// Its size.
        bytes: usize,
    },
    /// The past, told again.
    Replay {
        /// Why the state was not taken over.
        because: String,
    },
}

/// A new instance that knows what the old one knew.
#[derive(Debug)]
pub struct HandedOver<I> {
    /// The instance.
    pub instance: I,
    /// How it came to its state.
    pub way: Way,
    /// How long that took, making the instance included.
    pub took: Duration,
}

/// Makes a new instance that goes on where the old one is. `make` makes a fresh one; `replay` tells a fresh one
/// the past, and is only asked where no state is taken over.
///
/// # Errors
/// When no instance can be made, or the replay fails. The old instance goes on.
pub fn hand_over<O: Stateful, N: Stateful>(
    old: &mut O,
    mut make: impl FnMut() -> Result<N, Problem>,
    replay: impl FnOnce(&mut N) -> Result<(), Problem>,
) -> Result<HandedOver<N>, Problem> {
    let mut made = None;
    let taken = |state: &[u8]| -> Result<Option<N>, Problem> {
        let mut instance = make()?;
        if instance.restore(state)? {
            return Ok(Some(instance));
        }
        made = Some(instance);
        Ok(None)
    };
    let begun = Instant::now();
    let saved = old.save();
    let because = match try_state(saved, taken) {
        Ok((instance, bytes)) => {
            return Ok(HandedOver {
                instance,
                way: Way::Snapshot { bytes },
                took: begun.elapsed(),
            });
        }
        Err(because) => because,
    };
    // One that has no `snapshot` was not touched by being asked for it.
    let mut instance = match made {
        Some(instance) => instance,
        None => make()?,
    };
    replay(&mut instance)?;
    Ok(HandedOver {
        instance,
        way: Way::Replay { because },
        took: begun.elapsed(),
    })
}

/// The same for a fitted model, whose form on disk is part of its contract: `load` takes it, `fit` learns anew.
///
/// # Errors
/// When the new version neither loads nor learns. The old model goes on.
pub fn hand_over_model(
    old: &mut FittedModel,
    load: impl FnOnce(&[u8]) -> Result<FittedModel, CallError>,
    fit: impl FnOnce() -> Result<FittedModel, Problem>,
) -> Result<HandedOver<FittedModel>, Problem> {
    let begun = Instant::now();
    let saved = old.save().map(Some);
    let (instance, way) = match try_state(saved, |state| Ok(Some(load(state)?))) {
        Ok((instance, bytes)) => (instance, Way::Snapshot { bytes }),
        Err(because) => (fit()?, Way::Replay { because }),
    };
    Ok(HandedOver {
        instance,
        way,
        took: begun.elapsed(),
    })
}

/// The new instance with the state's size, or why it did not come about by the state.
fn try_state<N>(
    saved: Result<Option<Vec<u8>>, CallError>,
    take: impl FnOnce(&[u8]) -> Result<Option<N>, Problem>,
) -> Result<(N, usize), String> {
    let state = saved
        .map_err(|error| format!("the old version gave no state: {error}"))?
        .ok_or("the old version exports no snapshot")?;
    let taken = take(&state)
        .map_err(|problem| format!("the new version did not take the state: {}", problem.what))?;
    let instance = taken.ok_or("the new version exports no snapshot")?;
    Ok((instance, state.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_domain::Refusal;

    /// Sums what it is told.
    #[derive(Debug, PartialEq)]
    struct Sum {
        total: i64,
        snapshot: bool,
        refuses: bool,
        broken: bool,
    }

    const FRESH: Sum = Sum {
        total: 0,
        snapshot: true,
        refuses: false,
        broken: false,
    };

    fn refusal(text: &str) -> CallError {
        CallError::Refused {
            plugin: "sum".to_owned(),
            refusal: Refusal::InvalidInput(text.to_owned()),
        }
    }

    impl Stateful for Sum {
        fn save(&mut self) -> Result<Option<Vec<u8>>, CallError> {
            if self.broken {
                return Err(refusal("nothing to give"));
            }
            Ok(self.snapshot.then(|| self.total.to_le_bytes().to_vec()))
        }

        fn restore(&mut self, state: &[u8]) -> Result<bool, CallError> {
            if self.refuses {
                // Half of it was taken.
                self.total = 1_000;
                return Err(refusal("another layout"));
            }
            if self.snapshot {
                self.total = i64::from_le_bytes(state.try_into().unwrap());
            }
            Ok(self.snapshot)
        }
    }

    fn replay(sum: &mut Sum) -> Result<(), Problem> {
        sum.total += 7;
        Ok(())
    }

    fn over(old: Sum, new: Sum) -> (i64, Way) {
        let mut old = old;
        let make = || Ok(Sum { ..new });
        let handed = hand_over(&mut old, make, replay).unwrap();
        (handed.instance.total, handed.way)
    }

    #[test]
    fn a_state_is_taken_over_where_both_can() {
        let old = Sum { total: 5, ..FRESH };
        assert_eq!(over(old, FRESH), (5, Way::Snapshot { bytes: 8 }));
    }

    #[test]
    fn else_the_past_is_told_again_to_a_fresh_instance() {
        let old = || Sum { total: 5, ..FRESH };
        let without = |sum: Sum| Sum {
            snapshot: false,
            ..sum
        };
        let refusing = Sum {
            refuses: true,
            ..FRESH
        };
        let broken = Sum {
            broken: true,
            ..FRESH
        };
        for (old, new, why) in [
            (without(old()), FRESH, "the old version exports no snapshot"),
            (old(), without(FRESH), "the new version exports no snapshot"),
            (
                old(),
                refusing,
                "the new version did not take the state: plugin sum: invalid input: another layout",
            ),
            (
                broken,
                FRESH,
                "the old version gave no state: plugin sum: invalid input: nothing to give",
            ),
        ] {
            let (total, way) = over(old, new);
            assert_eq!(total, 7, "{why}");
            let because = why.to_owned();
            assert_eq!(way, Way::Replay { because });
        }
    }

    #[test]
    fn what_fails_leaves_the_old_one_as_it_was() {
        let mut old = Sum { total: 5, ..FRESH };
        let no = || Problem::user("no room", "");
        let error = hand_over(&mut old, || Err::<Sum, _>(no()), replay).unwrap_err();
        assert_eq!(error, no());
        let make = || {
            Ok(Sum {
                snapshot: false,
                ..FRESH
            })
        };
        let error = hand_over(&mut old, make, |_| Err(no())).unwrap_err();
        assert_eq!(error, no());
        assert_eq!(old, Sum { total: 5, ..FRESH });
    }
}

//! Streams of rewards to compare policies on, each made by its seed.

use crate::choice::{DrawKey, Draws};

/// How the arms' mean rewards move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// 0 or 1; the means are fixed, 0.1 apart at most from the next.
    StationaryBernoulli,
    /// Normal with standard deviation 1 around fixed means.
    StationaryGaussian,
    /// 0 or 1; the means swing slowly, each with its own phase, so that the best arm changes gradually.
    Drifting,
    /// 0 or 1; the means are dealt anew among the arms every [`SEGMENT`] steps.
    Abrupt,
    /// Normal with standard deviation 1; means dealt anew as in [`Stream::Abrupt`].
    AbruptGaussian,
}

/// All streams, with names for people.
pub const STREAMS: [(&str, Stream); 5] = [
    ("stationary-bernoulli", Stream::StationaryBernoulli),
    ("stationary-gaussian", Stream::StationaryGaussian),
    ("drifting", Stream::Drifting),
    ("abrupt", Stream::Abrupt),
    ("abrupt-gaussian", Stream::AbruptGaussian),
];

/// Steps between two abrupt changes.
pub const SEGMENT: usize = 1_000;
/// Steps in which a drifting mean swings once.
const PERIOD: f64 = 4_000.0;

/// A table of `steps` rows of `arms` rewards.
#[must_use]
pub fn stream(stream: Stream, arms: usize, steps: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut draws = DrawKey::new(seed, "stream").draws(0);
    let mut order: Vec<usize> = (0..arms).collect();
    let mut rows = Vec::with_capacity(steps);
    shuffle(&mut order, &mut draws);
    for step in 0..steps {
        if step > 0 && step % SEGMENT == 0 && stream.jumps() {
            shuffle(&mut order, &mut draws);
        }
        let row = order
            .iter()
            .map(|rank| stream.reward(*rank, arms, step, &mut draws))
            .collect();
        rows.push(row);
    }
    rows
}

impl Stream {
    fn jumps(self) -> bool {
        matches!(self, Stream::Abrupt | Stream::AbruptGaussian)
    }

    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    fn reward(self, rank: usize, arms: usize, step: usize, draws: &mut Draws) -> f64 {
        let place = rank as f64 / arms as f64;
        let mean = match self {
            Stream::StationaryBernoulli | Stream::Abrupt => 0.2 + 0.6 * place,
            Stream::StationaryGaussian | Stream::AbruptGaussian => 2.0 * place,
            Stream::Drifting => {
                let turn = step as f64 / PERIOD + place;
                0.5 + 0.3 * libm::sin(std::f64::consts::TAU * turn)
            }
        };
        match self {
            Stream::StationaryGaussian | Stream::AbruptGaussian => mean + draws.normal(),
            _ => f64::from(u8::from(draws.uniform() < mean)),
        }
    }
}

fn shuffle(order: &mut [usize], draws: &mut Draws) {
    for last in (1..order.len()).rev() {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index"
        )]
        let other = (draws.uniform() * (last + 1) as f64) as usize;
        order.swap(last, other.min(last));
    }
}

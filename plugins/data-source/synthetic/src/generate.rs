//! The series themselves.

use crate::signal::{STAY, push};
use crate::{Config, Signal};
use bulkhead_sdk::{DAY, Timestamp};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Trading days in a year.
const YEAR: f64 = 252.0;

/// Mean daily volume.
const VOLUME: f64 = 1_000_000.0;

/// How far heavy and light volume lie from the mean, in logarithms, and how much both scatter.
const VOLUME_SWING: f64 = 0.5;
const VOLUME_NOISE: f64 = 0.15;

/// Share of a day's movement that happens between close and open.
const OVERNIGHT: f64 = 0.2;

/// Lowest price, so that cents stay small beside it.
const FLOOR: f64 = 1.0;
/// Highest price, so that cents stay exact in a float.
const CEILING: f64 = 1e9;

/// One symbol's bars by column.
pub(crate) struct Series {
    pub(crate) times: Vec<Timestamp>,
    pub(crate) open: Vec<f64>,
    pub(crate) high: Vec<f64>,
    pub(crate) low: Vec<f64>,
    pub(crate) close: Vec<f64>,
    pub(crate) volume: Vec<f64>,
}

/// The symbol's own stream of randomness.
struct Draws(ChaCha12Rng);

impl Draws {
    fn new(seed: u64, symbol: &str) -> Self {
        // FNV-1a, 64 bits: tells symbols apart; ChaCha does the mixing.
        let hash = symbol
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&hash.to_le_bytes());
        Draws(ChaCha12Rng::from_seed(key))
    }

    /// Uniform in (0, 1].
    fn uniform(&mut self) -> f64 {
        ((self.0.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// Standard normal (Box and Muller, 1958).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * libm::log(self.uniform())).sqrt();
        radius * libm::cos(std::f64::consts::TAU * self.uniform())
    }
}

fn cents(price: f64) -> f64 {
    (price.clamp(FLOOR, CEILING) * 100.0).round() / 100.0
}

pub(crate) fn generate(config: &Config, symbol: &str) -> Series {
    let count = config.bars as usize;
    let mut draws = Draws::new(config.seed, symbol);
    let push = match config.signal {
        Signal::None => 0.0,
        Signal::Planted { strength } => push(strength),
    };
    let mut series = Series {
        times: dates(config),
        open: Vec::with_capacity(count),
        high: Vec::with_capacity(count),
        low: Vec::with_capacity(count),
        close: Vec::with_capacity(count),
        volume: Vec::with_capacity(count),
    };
    let mut regime = 0;
    let mut sign = if draws.uniform() <= 0.5 { 1.0 } else { -1.0 };
    let mut price = libm::log(config.price);
    let (lowest, highest) = (libm::log(FLOOR), libm::log(CEILING));
    for _ in 0..count {
        let weather = config.regimes[regime];
        let deviation = weather.volatility / YEAR.sqrt();
        // `sign` is still what the bar before has shown.
        let mean = weather.drift / YEAR + push * sign * deviation;
        let move_ = mean + deviation * draws.normal();
        let gap = OVERNIGHT * move_ + 0.3 * OVERNIGHT * deviation * draws.normal();
        let open = price + gap;
        let close = (price + move_).clamp(lowest, highest);
        let above = 0.4 * deviation * draws.normal().abs();
        let below = 0.4 * deviation * draws.normal().abs();
        series.open.push(cents(libm::exp(open)));
        series.close.push(cents(libm::exp(close)));
        series.high.push(cents(libm::exp(open.max(close) + above)));
        series.low.push(cents(libm::exp(open.min(close) - below)));
        price = close;

        if draws.uniform() > STAY {
            sign = -sign;
        }
        let scale = VOLUME_SWING * sign + VOLUME_NOISE * draws.normal();
        series.volume.push((VOLUME * libm::exp(scale)).round());

        // Drawn whether needed or not, so that a regime's settings do not shift what comes after.
        let (leaves, goes) = (draws.uniform() <= weather.switch, draws.uniform());
        let others = config.regimes.len() - 1;
        if leaves && others > 0 {
            let step = ((goes * others as f64) as usize).min(others - 1) + 1;
            regime = (regime + step) % config.regimes.len();
        }
    }
    series
}

/// The dates of a series: Mondays to Fridays from the start on.
pub(crate) fn dates(config: &Config) -> Vec<Timestamp> {
    let Some(first) = first_weekday(&config.start) else {
        return Vec::new();
    };
    (0..i64::from(config.bars))
        .map(|i| later(first, i) * DAY)
        .collect()
}

/// The day that lies some weekdays after a weekday.
fn later(first: i64, weekdays: i64) -> i64 {
    first + weekdays + (weekday(first) + weekdays).div_euclid(5) * 2
}

/// Whether nanoseconds can say the date of every bar, and its close on the day after.
pub(crate) fn in_range(config: &Config) -> bool {
    const LAST_DAY: i64 = i64::MAX / DAY - 1;
    first_weekday(&config.start)
        .is_some_and(|first| later(first, i64::from(config.bars) - 1) <= LAST_DAY)
}

/// 0 for Monday; 1970-01-01 was a Thursday.
fn weekday(day: i64) -> i64 {
    (day + 3).rem_euclid(7)
}

/// Days since 1970-01-01 of a date, or of the Monday after when it falls on a weekend.
pub(crate) fn first_weekday(date: &str) -> Option<i64> {
    let mut parts = date.split('-').map(|part| {
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse::<i64>().ok()).flatten()
    });
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() || !(1_900..=2_200).contains(&year) {
        return None;
    }
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [
        31,
        28 + i64::from(leap),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let index = usize::try_from(month - 1).ok()?;
    if !(1..=*lengths.get(index)?).contains(&day) {
        return None;
    }
    let before: i64 = lengths.iter().take(index).sum();
    let past = year - 1;
    // 719,162 days lie between 0001-01-01 and 1970-01-01.
    let days = past * 365 + past / 4 - past / 100 + past / 400 + before + day - 1 - 719_162;
    Some(match weekday(days) {
        5 => days + 2,
        6 => days + 1,
        _ => days,
    })
}

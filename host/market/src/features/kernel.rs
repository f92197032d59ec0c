//! What computes one feature.

use crate::indicators::{
    Atr, Bollinger, Ema, Extreme, Macd, Moments, RollingExtreme, Rsi, Seed, Sma, Stochastic,
};

/// The customary periods of MACD.
const MACD: (usize, usize, usize) = (12, 26, 9);
/// The customary width of Bollinger's bands.
const BOLLINGER_DEVIATIONS: f64 = 2.0;
/// The customary smoothing of the stochastic's lines.
const STOCHASTIC_SMOOTHING: usize = 3;

/// A bar with its factor applied.
pub(super) struct Adjusted {
    pub(super) high: f64,
    pub(super) low: f64,
    pub(super) close: f64,
    pub(super) volume: f64,
    /// NaN on the first bar, and where no feature needs it.
    pub(super) log_return: f64,
}

#[derive(Debug, Clone)]
pub(super) enum Kernel {
    Return { closes: Box<[f64]>, next: usize },
    Volatility(Moments),
    Rsi(Rsi),
    MacdHistogram(Macd),
    Bollinger(Bollinger),
    Stochastic(Stochastic),
    Atr(Atr),
    EmaRatio(Ema),
    SmaRatio(Sma),
    VolumeZ(Moments),
    Drawdown(RollingExtreme),
    Range(RollingExtreme, RollingExtreme),
}

impl Kernel {
    /// The feature of a definition, and how many bars it needs. `None` for a name without a definition.
    pub(super) fn new(pattern: &str, period: usize) -> Option<(Self, usize)> {
        let seed = Seed::SimpleMean;
        let (fast, slow, signal) = MACD;
        Some(match pattern {
            "return_N" => (
                Kernel::Return {
                    closes: vec![f64::NAN; period].into_boxed_slice(),
                    next: 0,
                },
                period + 1,
            ),
            "volatility_N" => (Kernel::Volatility(Moments::new(period)), period + 1),
            "rsi_N" => (Kernel::Rsi(Rsi::new(period, seed)), period + 1),
            "macd_hist" => (
                Kernel::MacdHistogram(Macd::new(fast, slow, signal, seed)),
                slow + signal - 1,
            ),
            "bollinger_N" => (
                Kernel::Bollinger(Bollinger::new(period, BOLLINGER_DEVIATIONS)),
                period,
            ),
            "stochastic_N" => (
                Kernel::Stochastic(Stochastic::new(
                    period,
                    STOCHASTIC_SMOOTHING,
                    STOCHASTIC_SMOOTHING,
                )),
                period + STOCHASTIC_SMOOTHING - 1,
            ),
            "atr_N" => (Kernel::Atr(Atr::new(period, seed)), period + 1),
            "ema_ratio_N" => (Kernel::EmaRatio(Ema::new(period, seed)), period),
            "sma_ratio_N" => (Kernel::SmaRatio(Sma::new(period)), period),
            "volume_z_N" => (Kernel::VolumeZ(Moments::new(period)), period),
            "drawdown_N" => (
                Kernel::Drawdown(RollingExtreme::new(period, Extreme::Highest)),
                period,
            ),
            "range_N" => (
                Kernel::Range(
                    RollingExtreme::new(period, Extreme::Highest),
                    RollingExtreme::new(period, Extreme::Lowest),
                ),
                period,
            ),
            _ => return None,
        })
    }

    pub(super) fn needs_log_return(&self) -> bool {
        matches!(self, Kernel::Volatility(_))
    }

    #[inline]
    pub(super) fn push(&mut self, bar: &Adjusted) -> f64 {
        match self {
            Kernel::Return { closes, next } => {
                let Some(place) = closes.get_mut(*next) else {
                    return f64::NAN;
                };
                let before = std::mem::replace(place, bar.close);
                *next = if *next + 1 == closes.len() {
                    0
                } else {
                    *next + 1
                };
                bar.close / before - 1.0
            }
            Kernel::Volatility(moments) => {
                if !bar.log_return.is_nan() && moments.push(bar.log_return) {
                    moments.sample_deviation()
                } else {
                    f64::NAN
                }
            }
            Kernel::Rsi(rsi) => rsi.push(bar.close),
            Kernel::MacdHistogram(macd) => macd.push(bar.close).histogram / bar.close,
            Kernel::Bollinger(bollinger) => bollinger.push(bar.close).position(bar.close),
            Kernel::Stochastic(stochastic) => stochastic.push(bar.high, bar.low, bar.close).k,
            Kernel::Atr(atr) => atr.push(bar.high, bar.low, bar.close) / bar.close,
            Kernel::EmaRatio(ema) => bar.close / ema.push(bar.close) - 1.0,
            Kernel::SmaRatio(sma) => bar.close / sma.push(bar.close) - 1.0,
            Kernel::VolumeZ(moments) => {
                if !moments.push(bar.volume) {
                    return f64::NAN;
                }
                let deviation = moments.sample_deviation();
                if deviation == 0.0 {
                    0.0
                } else {
                    (bar.volume - moments.mean()) / deviation
                }
            }
            Kernel::Drawdown(highest) => bar.close / highest.push(bar.close) - 1.0,
            Kernel::Range(highest, lowest) => {
                let (top, bottom) = (highest.push(bar.high), lowest.push(bar.low));
                if top == bottom {
                    0.5
                } else {
                    (bar.close - bottom) / (top - bottom)
                }
            }
        }
    }
}

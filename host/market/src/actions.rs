//! Corporate actions from close and adjusted close.
//!
//! With `f` = adjusted ÷ raw close and `R` = `f` ÷ previous `f`: a simple ratio `R` with a raw price gap of
//! about `1 / R` is a split, any other rise of `f` beyond rounding is a dividend. Only ratios of successive
//! `f` count, never its last value, which carries events after the file's end. How a source turns a
//! dividend into a ratio differs ([`DividendConvention`]); the amounts tell which it used. What fits neither
//! is reported and not applied.
//!
//! An action depends on nothing after its bar, with two exceptions that are the file's ways and no news of the
//! market: the convention and the decimals that its adjusted closes are rounded to are told from all of it.

mod ratio;

use bulkhead_domain::Decimal;
use bulkhead_domain::number::from_f64;
use bulkhead_domain::order::{ActionKind, CorporateAction};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// How a source's adjusted close treats a dividend `D`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DividendConvention {
    /// Whichever of the two gives amounts in whole quarters of a cent; `PriorClose` where neither does.
    #[default]
    Detect,
    /// `R = C₋₁ / (C₋₁ - D)`, from the close before the ex-date (Yahoo's).
    PriorClose,
    /// `R = (C + D) / C`, from the ex-date's close: total return, dividend reinvested at that close.
    ExDateClose,
}

/// What was found in the adjusted closes.
#[derive(Debug, Clone, PartialEq)]
pub struct Derived {
    /// Splits and dividends by time; each is stamped at the open of the ex-date's bar.
    pub actions: Vec<CorporateAction>,
    /// Which convention the dividends were read by; never [`DividendConvention::Detect`].
    pub convention: DividendConvention,
    /// Movements of `f` that are neither, by row.
    pub doubts: Vec<Doubt>,
}

/// A movement of adjusted ÷ raw close that is no action.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Doubt {
    /// Row of the bar it happened on.
    pub row: usize,
    /// `f` ÷ previous `f`.
    pub ratio: f64,
    /// Raw close ÷ previous raw close.
    pub gap: f64,
}

/// Rises of `f` from which on the raw price has to have gapped too.
const LARGE_RATIO: f64 = 1.25;
/// The least relative movement of `f` that counts: prices stored in single precision round by less.
const LEAST_MOVEMENT: f64 = 1e-6;
/// Noise in an amount, in money, up to which it can tell the conventions apart.
const TELLING_NOISE: f64 = 5e-4;

struct Dividend {
    row: usize,
    /// `R` without the part of a split on the same day.
    ratio: f64,
    /// Previous close in terms of the units after a split on the same day.
    previous_close: f64,
    close: f64,
    /// Relative rounding noise of `ratio`.
    noise: f64,
}

impl Dividend {
    fn amount(&self, convention: DividendConvention) -> f64 {
        match convention {
            DividendConvention::ExDateClose => self.close * (self.ratio - 1.0),
            _ => self.previous_close * (1.0 - 1.0 / self.ratio),
        }
    }
}

/// Derives splits and dividends. Rows without an adjusted close are skipped: a dividend of such a day is
/// dated to the next row that has one, a split to that of the rows between on which the raw price moved most
/// like it. All slices are equally long.
#[must_use]
pub fn derive(
    open_times: &[i64],
    closes: &[f64],
    adjusted_closes: &[f64],
    convention: DividendConvention,
) -> Derived {
    let unit = ratio::last_place(adjusted_closes);
    let mut actions = Vec::new();
    let mut dividends = Vec::new();
    let mut doubts = Vec::new();
    let mut previous: Option<(usize, f64, f64)> = None;
    for (row, (close, adjusted)) in closes.iter().zip(adjusted_closes).enumerate() {
        if !usable(*close) || !usable(*adjusted) {
            continue;
        }
        let last = previous.replace((row, *close, *adjusted));
        let Some((last_row, last_close, last_adjusted)) = last else {
            continue;
        };
        let ratio = (adjusted / close) / (last_adjusted / last_close);
        let noise = ratio::rounding(unit, *adjusted, last_adjusted).max(LEAST_MOVEMENT);
        if (ratio - 1.0).abs() <= noise {
            continue;
        }
        let gap = close / last_close;
        // The raw price must lie nearer to 1/R than to where it was.
        let gapped = (gap * ratio - 1.0).abs() < (gap - 1.0).abs();
        let split = ratio::split(ratio, noise).filter(|_| gapped);
        let units = split.map_or(1.0, |(n, d)| f64::from(n) / f64::from(d));
        if let Some((numerator, denominator)) = split {
            let ex_row = split_row(closes, last_row..=row, units);
            if let Some(time) = open_times.get(ex_row) {
                actions.push(CorporateAction {
                    time: *time,
                    kind: ActionKind::Split {
                        numerator,
                        denominator,
                    },
                });
            }
        }
        let rest = ratio / units;
        if (rest - 1.0).abs() <= noise {
            continue;
        }
        if rest < 1.0 || (rest >= LARGE_RATIO && !gapped) {
            doubts.push(Doubt { row, ratio, gap });
            continue;
        }
        dividends.push(Dividend {
            row,
            ratio: rest,
            previous_close: last_close / units,
            close: *close,
            noise,
        });
    }
    let convention = match convention {
        DividendConvention::Detect => detect(&dividends),
        stated => stated,
    };
    for dividend in &dividends {
        let noise = dividend.noise * dividend.previous_close;
        let amount = dividend.amount(convention);
        if amount >= dividend.previous_close {
            doubts.push(Doubt {
                row: dividend.row,
                ratio: dividend.ratio,
                gap: dividend.close / dividend.previous_close,
            });
            continue;
        }
        if let (Some(amount), Some(time)) = (rounded(amount, noise), open_times.get(dividend.row)) {
            actions.push(CorporateAction {
                time: *time,
                kind: ActionKind::Dividend(amount),
            });
        }
    }
    sort(&mut actions);
    Derived {
        actions,
        convention,
        doubts,
    }
}

/// Whether a price can be divided by.
pub(crate) fn usable(price: f64) -> bool {
    price.is_finite() && price > 0.0
}

/// The row after the first and up to the last on which the raw price moved most like a split into `units`.
fn split_row(closes: &[f64], rows: RangeInclusive<usize>, units: f64) -> usize {
    let last = *rows.end();
    let miss = |row: usize| (closes[row] / closes[row - 1] * units - 1.0).abs();
    (rows.start() + 1..last)
        .chain([last])
        .min_by(|a, b| miss(*a).total_cmp(&miss(*b)))
        .unwrap_or(last)
}

/// Sorts actions by time, on one moment splits before dividends (which are per new unit) before the rest.
pub fn sort(actions: &mut [CorporateAction]) {
    actions.sort_by_key(|action| {
        let rank = match action.kind {
            ActionKind::Split { .. } => 0,
            ActionKind::Dividend(_) => 1,
            ActionKind::Other { .. } => 2,
        };
        (action.time, rank)
    });
}

/// Companies declare dividends in whole quarters of a cent, so the convention whose amounts are such is the
/// one the source used.
fn detect(dividends: &[Dividend]) -> DividendConvention {
    const QUARTERS_OF_A_CENT: f64 = 400.0;
    let mean_residual = |convention| {
        let residuals: Vec<f64> = dividends
            .iter()
            .filter(|dividend| dividend.noise * dividend.previous_close < TELLING_NOISE)
            .map(|dividend| {
                let quarters = dividend.amount(convention) * QUARTERS_OF_A_CENT;
                (quarters - quarters.round()).abs() / QUARTERS_OF_A_CENT
            })
            .collect();
        (!residuals.is_empty()).then(|| residuals.iter().sum::<f64>() / residuals.len() as f64)
    };
    let ex_date = mean_residual(DividendConvention::ExDateClose);
    let prior = mean_residual(DividendConvention::PriorClose);
    match (ex_date, prior) {
        (Some(ex_date), Some(prior)) if ex_date < 1e-4 && ex_date < 0.25 * prior => {
            DividendConvention::ExDateClose
        }
        _ => DividendConvention::PriorClose,
    }
}

/// The amount with the fewest decimals, from two to six, that noise allows; `None` when that is nothing.
fn rounded(amount: f64, noise: f64) -> Option<Decimal> {
    let mut unit = 100.0;
    let mut decimals = 2;
    while decimals < 6 && (amount - (amount * unit).round() / unit).abs() > noise {
        unit *= 10.0;
        decimals += 1;
    }
    let whole = from_f64((amount * unit).round())?;
    let exact = whole.checked_div(from_f64(unit)?)?.normalize();
    (exact > Decimal::ZERO).then_some(exact)
}

#[cfg(test)]
mod tests;

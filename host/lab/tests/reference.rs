//! Statistics agree with those of other packages where the definitions coincide; where they do not, the comment says
//! how they differ and the test holds the relation. `reference/README.md` tells how the numbers were made.

use bulkhead_domain::Timestamp;
use bulkhead_lab::statistics::{
    Annualization, Curve, CurveStatistics, Figure, RelativeStatistics, ReturnStatistics, kelly,
    kurtosis, skewness, sqn,
};

const CLOSES: &str = include_str!("reference/closes.csv");
const TOLERANCE: f64 = 1e-9;

struct Closes {
    msft: Curve,
    index: Curve,
}

#[expect(clippy::unwrap_used, reason = "tests")]
fn closes() -> Closes {
    let (mut times, mut msft, mut index) = (Vec::new(), Vec::new(), Vec::new());
    for line in CLOSES.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        times.push(Timestamp::of_date(cells[0]).unwrap().0);
        msft.push(cells[1].parse::<f64>().unwrap());
        index.push(cells[2].parse::<f64>().unwrap());
    }
    // The first close is what there was before the first return.
    let curve = |values: &[f64]| Curve::new(values[0], &times[1..], &values[1..]);
    Closes {
        msft: curve(&msft),
        index: curve(&index),
    }
}

#[track_caller]
fn agrees(figure: &Figure, want: f64) {
    close(figure.value, want);
}

#[track_caller]
fn close(got: Option<f64>, want: f64) {
    let got = got.unwrap_or(f64::NAN);
    let off = (got - want).abs() / want.abs();
    assert!(off < TOLERANCE, "{got} {want}: off by {off:e}");
}

fn of_curve() -> CurveStatistics {
    CurveStatistics::of(&closes().msft, Annualization::SESSIONS)
}

#[test]
fn figures_of_the_curve_agree_with_empyrical() {
    let got = of_curve();
    agrees(&got.sharpe, -0.073_044_158_511_809_08);
    agrees(&got.sortino, -0.107_043_375_790_874);
    agrees(&got.volatility, 0.296_869_105_467_697_24);
    agrees(&got.total_return, -0.229_627_011_813_177_37);
    // Theirs is negative.
    agrees(&got.max_drawdown.figure, 0.516_754_746_728_662_5);
    let index = CurveStatistics::of(&closes().index, Annualization::SESSIONS);
    agrees(&index.sharpe, -0.192_759_537_187_219_33);
    agrees(&index.max_drawdown.figure, 0.519_253_751_740_912_3);
}

/// empyrical's and quantstats' year has 252 returns, ours 365 calendar days; total growth is the same. Calmar ratios
/// differ by the same.
#[test]
fn cagr_is_theirs_over_calendar_days_in_place_of_returns() {
    let theirs: f64 = -0.063_260_249_162_277_24;
    let got = of_curve();
    let days = 1_457.0 / 365.0;
    let total = libm::pow(1.0 + theirs, 1_006.0 / 252.0);
    agrees(&got.cagr, libm::pow(total, 1.0 / days) - 1.0);
    let calmar = got
        .cagr
        .value
        .map(|growth| growth / 0.516_754_746_728_662_5);
    close(got.calmar.value, calmar.unwrap_or(f64::NAN));
    let theirs_calmar = -0.122_418_322_352_622_57;
    close(Some(theirs / 0.516_754_746_728_662_5), theirs_calmar);
}

#[test]
fn tails_agree_with_empyrical() {
    let got = ReturnStatistics::of(&closes().msft);
    assert_eq!(got.observations, 1_006);
    // Theirs are returns, ours are losses. quantstats' default is of a normal distribution: another figure.
    agrees(&got.value_at_risk, 0.024_442_855_217_034_46);
    agrees(&got.expected_shortfall, 0.043_951_497_889_014_82);
    agrees(&got.tail_ratio, 1.115_967_364_598_754_5);
}

/// scipy's moments are over n, as ours. quantstats corrects for the sample's size and subtracts 3 from the kurtosis.
#[test]
fn moments_agree_with_scipy_and_after_correction_with_quantstats() {
    let returns = closes().msft.returns().unwrap_or_default();
    let (skew, tails) = (skewness(&returns), kurtosis(&returns));
    close(skew, 0.907_614_226_004_683_4);
    close(tails, 18.534_184_265_542_663);
    let n = returns.len() as f64;
    let corrected = skew.map(|skew| skew * (n * (n - 1.0)).sqrt() / (n - 2.0));
    close(corrected, 0.908_970_110_972_605_2);
    let corrected =
        tails.map(|tails| (n - 1.0) / ((n - 2.0) * (n - 3.0)) * ((n + 1.0) * (tails - 3.0) + 6.0));
    close(corrected, 15.617_657_161_164_383);
}

/// The formula with scipy's distribution and moments. quantstats takes corrected moments, which moves the seventh
/// digit.
#[test]
fn the_probabilistic_sharpe_ratio_agrees_with_scipy_and_nearly_with_quantstats() {
    let got = ReturnStatistics::of(&closes().msft).probabilistic_sharpe;
    agrees(&got, 0.442_134_219_708_759_44);
    let quantstats = 0.442_134_410_823_494_75;
    assert!((got.value.unwrap_or(f64::NAN) - quantstats).abs() < 1e-6);
}

#[test]
fn figures_against_a_benchmark_agree() {
    let Closes { msft, index } = closes();
    // Paired returns begin at the first common close, so the curves begin one close later here than theirs do: give the
    // first one back.
    let whole = |curve: &Curve| {
        let times: Vec<i64> = std::iter::once(curve.times()[0] - bulkhead_domain::time::DAY)
            .chain(curve.times().iter().copied())
            .collect();
        let values: Vec<f64> = std::iter::once(curve.base())
            .chain(curve.points().map(|(_, value)| value))
            .collect();
        Curve::new(curve.base(), &times, &values)
    };
    let got = RelativeStatistics::of(&whole(&msft), &whole(&index), Annualization::SESSIONS);
    agrees(&got.beta, 0.939_368_308_880_556_4);
    // quantstats multiplies the daily alpha by 252, as we do; empyrical compounds it, to 0.0205.
    agrees(&got.alpha, 0.020_295_214_518_391_547);
    let compounded = got
        .alpha
        .value
        .map(|alpha| libm::pow(1.0 + alpha / 252.0, 252.0) - 1.0);
    close(compounded, 0.020_501_728_770_377_26);
    agrees(&got.tracking_error, 0.202_235_962_361_937_05);
    // Neither annualises the information ratio.
    agrees(
        &got.information_ratio,
        0.007_165_721_393_728_453 * 252.0f64.sqrt(),
    );
}

#[test]
fn sqn_and_kelly_agree_with_the_formulas_of_backtesting_py() {
    let results = [120.5, -80.25, 33.0, -12.75, 250.0, -199.9, 45.1, -60.0];
    agrees(&sqn(&results), 0.249_086_462_048_011_8);
    agrees(&kelly(&results), 0.106_665_180_561_747_73);
}

//! Numbers and moments in words.

use crate::statistics::{Figure, Unit};
use bulkhead_domain::Timestamp;

/// A number with so many decimals and its thousands set apart.
pub(crate) fn grouped(value: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    let (whole, part) = match text.split_once('.') {
        Some((whole, part)) => (whole, format!(".{part}")),
        None => (text.as_str(), String::new()),
    };
    let mut out = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    let zero = text.chars().all(|c| matches!(c, '0' | '.'));
    let sign = if value < 0.0 && !zero { "-" } else { "" };
    format!("{sign}{out}{part}")
}

/// A fraction as per cent.
pub(crate) fn percent(value: f64, decimals: usize) -> String {
    format!("{} %", grouped(value * 100.0, decimals))
}

/// A figure's number; a dash where it is not defined.
pub(crate) fn figure(figure: &Figure) -> String {
    match (figure.value, figure.unit) {
        (None, _) => "–".to_owned(),
        (Some(value), Unit::Fraction) => percent(value, 2),
        (Some(value), Unit::Ratio) => grouped(value, 3),
        (Some(value), Unit::Currency) => grouped(value, 2),
    }
}

/// A date.
pub(crate) fn date(time: i64) -> String {
    Timestamp(time).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_set_in_threes_and_zero_has_no_sign() {
        assert_eq!(grouped(1_234_567.891, 2), "1,234,567.89");
        assert_eq!(grouped(-999.0, 0), "-999");
        assert_eq!(grouped(-0.001, 2), "0.00");
        assert_eq!(percent(0.1234, 1), "12.3 %");
    }
}

//! A number that says how it was computed.

use serde::{Deserialize, Serialize};

/// What a figure is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// A fraction of one; shown as per cent.
    Fraction,
    /// A pure number.
    Ratio,
    /// The session's currency.
    Currency,
}

/// One statistic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The number; `None` where it is not defined.
    pub value: Option<f64>,
    /// What it is measured in.
    pub unit: Unit,
    /// The formula it was computed by.
    pub convention: String,
    /// Why it is not defined, or what limits its meaning.
    pub note: Option<String>,
}

impl Figure {
    /// A figure from a number that may not be defined, with the reason to give when it is not. A number
    /// that is not finite is not defined.
    #[must_use]
    pub fn new(
        value: Option<f64>,
        unit: Unit,
        convention: impl Into<String>,
        when_undefined: &str,
    ) -> Self {
        let value = value.filter(|value| value.is_finite());
        Figure {
            value,
            unit,
            convention: convention.into(),
            note: value.is_none().then(|| when_undefined.to_owned()),
        }
    }

    /// Adds what limits its meaning, unless it says already why it is not defined.
    #[must_use]
    pub fn noted(mut self, note: Option<&str>) -> Self {
        if self.note.is_none() {
            self.note = note.map(str::to_owned);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_finite_is_not_defined() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let figure = Figure::new(Some(value), Unit::Ratio, "x / y", "y is zero");
            assert_eq!(figure.value, None);
            assert_eq!(figure.note.as_deref(), Some("y is zero"));
        }
        let figure = Figure::new(Some(1.0), Unit::Ratio, "x / y", "y is zero");
        assert_eq!(figure.note, None);
    }
}

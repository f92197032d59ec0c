//! What is varied: parameters of a strategy, each over a list of values or between two numbers.

use bulkhead_domain::Problem;
use serde_json::{Map, Number, Value};

/// Most values that one parameter is listed with.
const MOST: usize = 100_000;

/// The values of one parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// These, in this order.
    Listed(Vec<Value>),
    /// Any number between two, both included.
    Between {
        /// The least.
        low: f64,
        /// The greatest.
        high: f64,
    },
}

/// One parameter with its values.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// The parameter.
    pub name: String,
    /// Its values.
    pub values: Values,
}

impl Axis {
    /// `NAME=A,B,C`, `NAME=FROM..TO` or `NAME=FROM..TO:STEP`. Whole numbers from one to another without a step are
    /// listed one by one.
    ///
    /// # Errors
    /// Anything else, in one line.
    pub fn parse(text: &str) -> Result<Axis, Problem> {
        let wrong = |what: &str| {
            Problem::user(
                format!("--vary {text}: {what}"),
                "write it as NAME=5,10,20 or NAME=5..20:5 or NAME=0.1..0.9",
            )
        };
        let Some((name, range)) = text.split_once('=') else {
            return Err(wrong("it varies nothing"));
        };
        if name.is_empty() || range.is_empty() {
            return Err(wrong("it varies nothing"));
        }
        let values = match range.split_once("..") {
            None => Values::Listed(range.split(',').map(value).collect()),
            Some((low, rest)) => {
                let (high, step) = match rest.split_once(':') {
                    Some((high, step)) => (high, Some(step)),
                    None => (rest, None),
                };
                let number = |text: &str| match text.trim().parse::<f64>() {
                    Ok(number) if number.is_finite() => Ok(number),
                    _ => Err(wrong(&format!("'{text}' is no number"))),
                };
                let whole = |text: &str| text.trim().parse::<i64>().is_ok();
                let (least, most) = (number(low)?, number(high)?);
                if least >= most {
                    return Err(wrong("its first number is not below its last"));
                }
                let all_whole = whole(low) && whole(high) && step.is_none_or(whole);
                match step {
                    None if !all_whole => Values::Between {
                        low: least,
                        high: most,
                    },
                    step => {
                        let step = step.map_or(Ok(1.0), number)?;
                        Values::Listed(stepped(least, most, step, all_whole).ok_or_else(|| {
                            wrong(&format!("its step gives none, or more than {MOST}, values"))
                        })?)
                    }
                }
            }
        };
        if let Values::Listed(values) = &values
            && let Some(twice) = values.iter().enumerate().find_map(|(place, value)| {
                values
                    .iter()
                    .take(place)
                    .any(|other| other == value)
                    .then_some(value)
            })
        {
            return Err(wrong(&format!("{twice} is there twice")));
        }
        Ok(Axis {
            name: name.to_owned(),
            values,
        })
    }
}

/// A value as JSON where it reads as such, else as text.
fn value(text: &str) -> Value {
    serde_json::from_str(text.trim()).unwrap_or_else(|_| Value::String(text.trim().to_owned()))
}

fn stepped(low: f64, high: f64, step: f64, whole: bool) -> Option<Vec<Value>> {
    if step <= 0.0 {
        return None;
    }
    // A last value that a sum of steps misses by rounding is there.
    let steps = ((high - low) / step + 1e-9).floor();
    if !(0.0..MOST as f64).contains(&steps) {
        return None;
    }
    (0..=steps as u64)
        .map(|count| number(low + count as f64 * step, whole))
        .collect()
}

/// A number as JSON, a whole one as such; others to twelve digits, so that 0.1 and three steps of 0.1 are 0.4.
fn number(value: f64, whole: bool) -> Option<Value> {
    if whole {
        return Some(Value::Number(Number::from(value as i64)));
    }
    let short: f64 = format!("{value:.12e}").parse().ok()?;
    Number::from_f64(short).map(Value::Number)
}

/// Everything that is varied, by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Space {
    axes: Vec<Axis>,
}

impl Space {
    /// A space of axes, whatever order they come in.
    ///
    /// # Errors
    /// No axis, or a parameter that is varied twice.
    pub fn new(mut axes: Vec<Axis>) -> Result<Space, Problem> {
        axes.sort_by(|a, b| a.name.cmp(&b.name));
        if let Some(pair) = axes.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(Problem::user(
                format!("{} is varied twice", pair[0].name),
                "give --vary once for each parameter",
            ));
        }
        if axes.is_empty() {
            return Err(Problem::user(
                "nothing is varied",
                "name parameters with --vary",
            ));
        }
        Ok(Space { axes })
    }

    /// The axes, by name.
    #[must_use]
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// How many combinations there are; `None` where numbers between two are varied.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.axes
            .iter()
            .try_fold(1_u64, |size, axis| match &axis.values {
                Values::Listed(values) => size.checked_mul(values.len() as u64),
                Values::Between { .. } => None,
            })
    }

    /// The combination of that number in the grid; the last axis runs fastest.
    pub(super) fn at(&self, mut number: u64) -> Vec<Value> {
        let mut point: Vec<Value> = self
            .axes
            .iter()
            .rev()
            .filter_map(|axis| match &axis.values {
                Values::Listed(values) => {
                    let count = values.len() as u64;
                    let value = values.get((number % count) as usize).cloned();
                    number /= count;
                    value
                }
                Values::Between { low, .. } => number_between(*low),
            })
            .collect();
        point.reverse();
        point
    }

    /// Parameters with a point's values in place of those given.
    pub(super) fn parameters(
        &self,
        given: &Map<String, Value>,
        point: &[Value],
    ) -> Map<String, Value> {
        let mut parameters = given.clone();
        for (axis, value) in self.axes.iter().zip(point) {
            parameters.insert(axis.name.clone(), value.clone());
        }
        parameters
    }
}

/// A number between two as JSON, to nine digits: nobody means more.
pub(super) fn number_between(value: f64) -> Option<Value> {
    let short: f64 = format!("{value:.9e}").parse().ok()?;
    Number::from_f64(short).map(Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn listed(text: &str) -> Vec<Value> {
        match Axis::parse(text).unwrap().values {
            Values::Listed(values) => values,
            Values::Between { .. } => panic!("{text} is a range"),
        }
    }

    #[test]
    fn values_are_read_as_people_write_them() {
        assert_eq!(listed("fast=5,10,20"), [json!(5), json!(10), json!(20)]);
        assert_eq!(
            listed("fast=5..20:5"),
            [json!(5), json!(10), json!(15), json!(20)]
        );
        assert_eq!(listed("fast=2..4"), [json!(2), json!(3), json!(4)]);
        assert_eq!(
            listed("share=0.1..0.4:0.1"),
            [json!(0.1), json!(0.2), json!(0.3), json!(0.4)]
        );
        assert_eq!(listed("kind=sma,ema"), [json!("sma"), json!("ema")]);
        let between = Axis::parse("share=0.1..0.9").unwrap().values;
        assert_eq!(
            between,
            Values::Between {
                low: 0.1,
                high: 0.9
            }
        );
    }

    #[test]
    fn what_varies_nothing_is_refused_in_one_line() {
        for wrong in [
            "fast",
            "fast=",
            "=1",
            "fast=9..3",
            "fast=a..b",
            "fast=1..2:0",
            "fast=1,1",
            "f=0..1e9:1e-9",
        ] {
            let line = Axis::parse(wrong).unwrap_err().to_string();
            assert!(line.starts_with(&format!("--vary {wrong}: ")), "{line}");
            assert_eq!(line.lines().count(), 1);
        }
        assert!(Space::new(Vec::new()).is_err());
        let twice = ["fast=1,2", "fast=3,4"].map(|text| Axis::parse(text).unwrap());
        assert!(
            Space::new(twice.to_vec())
                .unwrap_err()
                .to_string()
                .contains("fast is varied twice")
        );
    }

    #[test]
    fn a_grid_has_every_combination_once_whatever_order_axes_come_in() {
        let axes = ["slow=20,30", "fast=1..3"].map(|text| Axis::parse(text).unwrap());
        let space = Space::new(axes.to_vec()).unwrap();
        let turned = Space::new(axes.iter().rev().cloned().collect()).unwrap();
        assert_eq!(space, turned);
        assert_eq!(space.size(), Some(6));
        let all: Vec<String> = (0..6)
            .map(|number| format!("{:?}", space.at(number)))
            .collect();
        let mut distinct = all.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), 6);
        assert_eq!(space.at(1), [json!(1), json!(30)]);
    }
}

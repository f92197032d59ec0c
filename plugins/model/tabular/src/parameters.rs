//! Hyper-parameters: one constant declares a parameter to the host and reads it back, so that the range
//! that is shown is the range that is enforced.

use crate::Fault;
use bulkhead_sdk::Value;
use bulkhead_sdk::model::{Domain, IntegerRange, Parameter, RealRange};

/// A whole number within a range, both ends included.
#[derive(Debug, Clone, Copy)]
pub struct IntegerParameter {
    /// Its name in requests.
    pub name: &'static str,
    /// What it does, for people.
    pub description: &'static str,
    /// Smallest value.
    pub min: i64,
    /// Largest value.
    pub max: i64,
    /// Value where it is not given.
    pub default: i64,
}

/// A number within a range, both ends included. Whole numbers are taken too.
#[derive(Debug, Clone, Copy)]
pub struct RealParameter {
    /// Its name in requests.
    pub name: &'static str,
    /// What it does, for people.
    pub description: &'static str,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Value where it is not given.
    pub default: f64,
    /// Whether a search should step through magnitudes.
    pub logarithmic: bool,
}

/// One of a few words.
#[derive(Debug, Clone, Copy)]
pub struct ChoiceParameter {
    /// Its name in requests.
    pub name: &'static str,
    /// What it does, for people.
    pub description: &'static str,
    /// The words; the first is the default.
    pub options: &'static [&'static str],
}

/// The parameters of one request.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a>(&'a [(String, Value)]);

impl<'a> Given<'a> {
    /// Takes the request's parameters, all of which must be among `known`, each at most once.
    ///
    /// # Errors
    /// [`Fault::Invalid`] naming the parameter that is unknown or repeated.
    pub fn new(
        algorithm: &str,
        given: &'a [(String, Value)],
        known: &[Parameter],
    ) -> Result<Self, Fault> {
        for (place, (name, _)) in given.iter().enumerate() {
            if !known.iter().any(|parameter| parameter.name == *name) {
                let names: Vec<&str> = known.iter().map(|p| p.name.as_str()).collect();
                let have = if names.is_empty() {
                    "it takes none".to_owned()
                } else {
                    format!("it takes {}", names.join(", "))
                };
                return Err(Fault::Invalid(format!(
                    "{algorithm} has no parameter `{name}`; {have}"
                )));
            }
            if given[..place].iter().any(|(earlier, _)| earlier == name) {
                return Err(Fault::Invalid(format!("parameter `{name}` is given twice")));
            }
        }
        Ok(Self(given))
    }

    fn find(self, name: &str) -> Option<&'a Value> {
        self.0
            .iter()
            .find(|(given, _)| given == name)
            .map(|(_, value)| value)
    }
}

impl IntegerParameter {
    /// As it is declared to the host.
    #[must_use]
    pub fn declare(&self) -> Parameter {
        Parameter {
            name: self.name.to_owned(),
            description: self.description.to_owned(),
            domain: Domain::Integer(IntegerRange {
                min: self.min,
                max: self.max,
            }),
            default: Value::Integer(self.default),
        }
    }

    /// The value given, or the default.
    ///
    /// # Errors
    /// [`Fault::Invalid`] naming the parameter, the value and the allowed range.
    pub fn read(&self, given: Given<'_>) -> Result<i64, Fault> {
        match given.find(self.name) {
            None => Ok(self.default),
            Some(Value::Integer(x)) if (self.min..=self.max).contains(x) => Ok(*x),
            Some(other) => Err(Fault::Invalid(format!(
                "parameter `{}` is {}; allowed: whole numbers from {} to {}",
                self.name,
                show(other),
                self.min,
                self.max
            ))),
        }
    }
}

impl RealParameter {
    /// As it is declared to the host.
    #[must_use]
    pub fn declare(&self) -> Parameter {
        Parameter {
            name: self.name.to_owned(),
            description: self.description.to_owned(),
            domain: Domain::Real(RealRange {
                min: self.min,
                max: self.max,
                logarithmic: self.logarithmic,
            }),
            default: Value::Real(self.default),
        }
    }

    /// The value given, or the default.
    ///
    /// # Errors
    /// [`Fault::Invalid`] naming the parameter, the value and the allowed range.
    pub fn read(&self, given: Given<'_>) -> Result<f64, Fault> {
        let value = match given.find(self.name) {
            None => return Ok(self.default),
            Some(value) => value,
        };
        value
            .as_real()
            .filter(|x| (self.min..=self.max).contains(x))
            .ok_or_else(|| {
                Fault::Invalid(format!(
                    "parameter `{}` is {}; allowed: numbers from {} to {}",
                    self.name,
                    show(value),
                    self.min,
                    self.max
                ))
            })
    }
}

impl ChoiceParameter {
    /// As it is declared to the host.
    #[must_use]
    pub fn declare(&self) -> Parameter {
        let words: Vec<String> = self.options.iter().map(|word| (*word).to_owned()).collect();
        Parameter {
            name: self.name.to_owned(),
            description: self.description.to_owned(),
            default: Value::Text(words.first().cloned().unwrap_or_default()),
            domain: Domain::Choice(words),
        }
    }

    /// The word given, or the default.
    ///
    /// # Errors
    /// [`Fault::Invalid`] naming the parameter, the value and the words allowed.
    pub fn read(&self, given: Given<'_>) -> Result<&'static str, Fault> {
        let value = match given.find(self.name) {
            None => return Ok(self.options.first().copied().unwrap_or_default()),
            Some(value) => value,
        };
        self.options
            .iter()
            .copied()
            .find(|word| matches!(value, Value::Text(text) if text == word))
            .ok_or_else(|| {
                Fault::Invalid(format!(
                    "parameter `{}` is {}; allowed: {}",
                    self.name,
                    show(value),
                    self.options.join(", ")
                ))
            })
    }
}

/// A value as people would write it.
fn show(value: &Value) -> String {
    match value {
        Value::Boolean(x) => x.to_string(),
        Value::Integer(x) => x.to_string(),
        Value::Real(x) => format!("{x:?}"),
        Value::Number(_) => "a decimal".to_owned(),
        Value::Text(text) => format!("\"{text}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREES: IntegerParameter = IntegerParameter {
        name: "trees",
        description: "",
        min: 1,
        max: 1000,
        default: 100,
    };
    const ALPHA: RealParameter = RealParameter {
        name: "alpha",
        description: "",
        min: 1e-6,
        max: 1e6,
        default: 1.0,
        logarithmic: true,
    };
    const KERNEL: ChoiceParameter = ChoiceParameter {
        name: "kernel",
        description: "",
        options: &["gaussian", "linear"],
    };

    fn known() -> Vec<Parameter> {
        vec![TREES.declare(), ALPHA.declare(), KERNEL.declare()]
    }

    fn read(name: &str, value: Value) -> String {
        let given = [(name.to_owned(), value)];
        Given::new("forest", &given, &known())
            .and_then(|given| {
                TREES.read(given)?;
                ALPHA.read(given)?;
                KERNEL.read(given)
            })
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn what_is_not_given_takes_its_default() {
        let given = Given::new("forest", &[], &known()).unwrap();
        assert_eq!(TREES.read(given), Ok(100));
        assert_eq!(ALPHA.read(given), Ok(1.0));
        assert_eq!(KERNEL.read(given), Ok("gaussian"));
    }

    #[test]
    fn a_whole_number_serves_where_a_number_is_wanted() {
        let given = [("alpha".to_owned(), Value::Integer(3))];
        assert_eq!(
            ALPHA.read(Given::new("x", &given, &known()).unwrap()),
            Ok(3.0)
        );
    }

    #[test]
    fn refusals_name_the_parameter_and_what_is_allowed() {
        assert_eq!(
            read("trees", Value::Integer(0)),
            "parameter `trees` is 0; allowed: whole numbers from 1 to 1000"
        );
        assert_eq!(
            read("alpha", Value::Real(f64::NAN)),
            "parameter `alpha` is NaN; allowed: numbers from 0.000001 to 1000000"
        );
        assert_eq!(
            read("kernel", Value::Text("cubic".into())),
            "parameter `kernel` is \"cubic\"; allowed: gaussian, linear"
        );
        assert_eq!(
            read("tree", Value::Integer(5)),
            "forest has no parameter `tree`; it takes trees, alpha, kernel"
        );
    }

    #[test]
    fn a_parameter_given_twice_is_refused() {
        let given = vec![("trees".to_owned(), Value::Integer(5)); 2];
        let fault = Given::new("forest", &given, &known()).unwrap_err();
        assert_eq!(fault.to_string(), "parameter `trees` is given twice");
    }
}

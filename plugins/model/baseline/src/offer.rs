//! What the plugin offers: its algorithms, their hyper-parameters and how those become settings.

use bulkhead_sdk::Value;
use bulkhead_sdk::model::{Algorithm, Parameter, Task};
use bulkhead_tabular::{Fault, Given, IntegerParameter, RealParameter};

const SMOOTHING: RealParameter = RealParameter {
    name: "smoothing",
    description: "Rows of each class taken as seen before the first.",
    min: 0.0,
    max: 1000.0,
    default: 1.0,
    logarithmic: false,
};
const FEATURE: IntegerParameter = IntegerParameter {
    name: "feature",
    description: "Which column to look at, counted from 0.",
    min: 0,
    max: 65_535,
    default: 0,
};
const ALPHA: RealParameter = RealParameter {
    name: "alpha",
    description: "Weight of the squared slope in the loss, which is summed over the rows.",
    min: 1e-6,
    max: 1e6,
    default: 1.0,
    logarithmic: true,
};

/// The algorithms, in the order they are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    BaseRate,
    Persistence,
    Momentum,
}

/// An algorithm with its hyper-parameters read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Settings {
    BaseRate { smoothing: f64 },
    Persistence { column: u32, smoothing: f64 },
    Momentum { column: u32, alpha: f64 },
}

impl Kind {
    pub(crate) const ALL: [Kind; 3] = [Kind::BaseRate, Kind::Persistence, Kind::Momentum];

    /// The algorithm of that name.
    pub(crate) fn named(name: &str) -> Result<Self, Fault> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| {
                let names: Vec<&str> = Self::ALL.iter().map(|kind| kind.name()).collect();
                Fault::Invalid(format!(
                    "no algorithm `{name}`; there are {}",
                    names.join(", ")
                ))
            })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::BaseRate => "base-rate",
            Kind::Persistence => "persistence",
            Kind::Momentum => "momentum",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Kind::BaseRate => "How often each class occurred in training.",
            Kind::Persistence => {
                "How often each class followed a fall and a rise: the sign of one return."
            }
            Kind::Momentum => "Logistic regression on one feature.",
        }
    }

    fn parameters(self) -> Vec<Parameter> {
        match self {
            Kind::BaseRate => vec![SMOOTHING.declare()],
            Kind::Persistence => vec![FEATURE.declare(), SMOOTHING.declare()],
            Kind::Momentum => vec![FEATURE.declare(), ALPHA.declare()],
        }
    }

    /// As it is listed to the host.
    pub(crate) fn declare(self) -> Algorithm {
        Algorithm {
            name: self.name().to_owned(),
            description: self.description().to_owned(),
            tasks: vec![Task::Classification],
            parameters: self.parameters(),
            weighted: true,
            extra: Vec::new(),
        }
    }

    /// Reads a request's hyper-parameters, of which `feature` must be one of `columns`.
    pub(crate) fn settings(
        self,
        given: &[(String, Value)],
        columns: u32,
    ) -> Result<Settings, Fault> {
        let given = Given::new(self.name(), given, &self.parameters())?;
        let column = |parameter: IntegerParameter| {
            let column = parameter.read(given)?;
            u32::try_from(column)
                .ok()
                .filter(|column| *column < columns)
                .ok_or_else(|| {
                    Fault::Invalid(format!(
                        "parameter `{}` is {column}; allowed: below the number of columns, {columns}",
                        parameter.name
                    ))
                })
        };
        Ok(match self {
            Kind::BaseRate => Settings::BaseRate {
                smoothing: SMOOTHING.read(given)?,
            },
            Kind::Persistence => Settings::Persistence {
                column: column(FEATURE)?,
                smoothing: SMOOTHING.read(given)?,
            },
            Kind::Momentum => Settings::Momentum {
                column: column(FEATURE)?,
                alpha: ALPHA.read(given)?,
            },
        })
    }
}

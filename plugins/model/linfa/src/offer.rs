//! What the plugin offers: its algorithms, their hyper-parameters and how those become settings.

use crate::learn::{elastic, forest, logistic, svm};
use bulkhead_sdk::Value;
use bulkhead_sdk::model::{Algorithm, Parameter, Task};
use bulkhead_tabular::{ChoiceParameter, Fault, Given, IntegerParameter, RealParameter};

const TREES: IntegerParameter = IntegerParameter {
    name: "trees",
    description: "Number of trees.",
    min: 1,
    max: 1000,
    default: 100,
};
const MAX_DEPTH: IntegerParameter = IntegerParameter {
    name: "max-depth",
    description: "Most splits between the root and a leaf.",
    min: 1,
    max: 32,
    default: 6,
};
const MIN_LEAF: IntegerParameter = IntegerParameter {
    name: "min-leaf",
    description: "Fewest different training rows in a leaf.",
    min: 1,
    max: 1000,
    default: 5,
};
const FEATURES_PER_SPLIT: RealParameter = RealParameter {
    name: "features-per-split",
    description: "Fraction of the features tried at each split; 0 for the square root of their number.",
    min: 0.0,
    max: 1.0,
    default: 0.0,
    logarithmic: false,
};
const ALPHA: RealParameter = RealParameter {
    name: "alpha",
    description: "Weight of the squared coefficients in the loss, which is summed over the rows.",
    min: 1e-6,
    max: 1e6,
    default: 1.0,
    logarithmic: true,
};
const MAX_ITERATIONS: IntegerParameter = IntegerParameter {
    name: "max-iterations",
    description: "Most steps of the optimiser.",
    min: 1,
    max: 10_000,
    default: 200,
};
const VAR_SMOOTHING: RealParameter = RealParameter {
    name: "var-smoothing",
    description: "Part of the largest feature variance that is added to every variance.",
    min: 1e-12,
    max: 1.0,
    default: 1e-9,
    logarithmic: true,
};
// Beyond ten the solver's time grows with `c` while labels as noisy as returns gain nothing.
const C: RealParameter = RealParameter {
    name: "c",
    description: "Price of a row on the wrong side of its margin.",
    min: 1e-3,
    max: 10.0,
    default: 1.0,
    logarithmic: true,
};
const KERNEL: ChoiceParameter = ChoiceParameter {
    name: "kernel",
    description: "Shape of the boundary.",
    options: &["gaussian", "linear"],
};
const GAMMA: RealParameter = RealParameter {
    name: "gamma",
    description: "Width of the gaussian kernel exp(-gamma / features * |x - y|^2); unused by the linear one.",
    min: 1e-3,
    max: 100.0,
    default: 1.0,
    logarithmic: true,
};
const TOLERANCE: RealParameter = RealParameter {
    name: "tolerance",
    description: "Violation of the optimality conditions at which the solver stops.",
    min: 1e-6,
    max: 0.1,
    default: 1e-3,
    logarithmic: true,
};
const PENALTY: RealParameter = RealParameter {
    name: "penalty",
    description: "Weight of the coefficients' size in the loss, target and features standardised.",
    min: 1e-6,
    max: 10.0,
    default: 0.01,
    logarithmic: true,
};
const L1_RATIO: RealParameter = RealParameter {
    name: "l1-ratio",
    description: "Part of the penalty on absolute rather than squared coefficients.",
    min: 0.0,
    max: 1.0,
    default: 0.5,
    logarithmic: false,
};

/// The algorithms, in the order they are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Forest,
    Logistic,
    Bayes,
    Svm,
    Elastic,
}

/// An algorithm with its hyper-parameters read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Settings {
    Forest(forest::Settings),
    Logistic(logistic::Settings),
    Bayes { var_smoothing: f64 },
    Svm(svm::Settings),
    Elastic(elastic::Settings),
}

impl Kind {
    pub(crate) const ALL: [Kind; 5] = [
        Kind::Forest,
        Kind::Logistic,
        Kind::Bayes,
        Kind::Svm,
        Kind::Elastic,
    ];

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
            Kind::Forest => "random-forest",
            Kind::Logistic => "logistic-regression",
            Kind::Bayes => "gaussian-naive-bayes",
            Kind::Svm => "svm",
            Kind::Elastic => "elastic-net",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Kind::Forest => {
                "Random forest: the mean of the class shares in the leaves of randomised trees."
            }
            Kind::Logistic => "Logistic (or softmax) regression with an L2 penalty.",
            Kind::Bayes => "Gaussian naive Bayes: features independent and normal within a class.",
            Kind::Svm => {
                "Support vector machine, its scores calibrated on held-out blocks; 4,000 rows at most."
            }
            Kind::Elastic => "Linear regression with an elastic net penalty.",
        }
    }

    /// Whether sample weights are used.
    pub(crate) fn weighted(self) -> bool {
        self == Kind::Forest
    }

    fn task(self) -> Task {
        match self {
            Kind::Elastic => Task::Regression,
            _ => Task::Classification,
        }
    }

    fn parameters(self) -> Vec<Parameter> {
        match self {
            Kind::Forest => vec![
                TREES.declare(),
                MAX_DEPTH.declare(),
                MIN_LEAF.declare(),
                FEATURES_PER_SPLIT.declare(),
            ],
            Kind::Logistic => vec![ALPHA.declare(), MAX_ITERATIONS.declare()],
            Kind::Bayes => vec![VAR_SMOOTHING.declare()],
            Kind::Svm => vec![
                C.declare(),
                KERNEL.declare(),
                GAMMA.declare(),
                TOLERANCE.declare(),
            ],
            Kind::Elastic => vec![
                PENALTY.declare(),
                L1_RATIO.declare(),
                MAX_ITERATIONS.declare(),
            ],
        }
    }

    /// As it is listed to the host.
    pub(crate) fn declare(self) -> Algorithm {
        Algorithm {
            name: self.name().to_owned(),
            description: self.description().to_owned(),
            tasks: vec![self.task()],
            parameters: self.parameters(),
            weighted: self.weighted(),
            extra: Vec::new(),
        }
    }

    /// Reads a request's hyper-parameters.
    pub(crate) fn settings(self, given: &[(String, Value)]) -> Result<Settings, Fault> {
        let given = Given::new(self.name(), given, &self.parameters())?;
        // Every range declared here fits 32 bits.
        let count = |parameter: IntegerParameter| parameter.read(given).map(|x| x as u32);
        Ok(match self {
            Kind::Forest => Settings::Forest(forest::Settings {
                trees: count(TREES)?,
                max_depth: count(MAX_DEPTH)?,
                min_leaf: count(MIN_LEAF)?,
                columns_per_split: FEATURES_PER_SPLIT.read(given)?,
            }),
            Kind::Logistic => Settings::Logistic(logistic::Settings {
                alpha: ALPHA.read(given)?,
                max_iterations: u64::from(count(MAX_ITERATIONS)?),
            }),
            Kind::Bayes => Settings::Bayes {
                var_smoothing: VAR_SMOOTHING.read(given)?,
            },
            Kind::Svm => {
                let gamma = GAMMA.read(given)?;
                Settings::Svm(svm::Settings {
                    c: C.read(given)?,
                    gamma: (KERNEL.read(given)? == "gaussian").then_some(gamma),
                    tolerance: TOLERANCE.read(given)?,
                })
            }
            Kind::Elastic => Settings::Elastic(elastic::Settings {
                penalty: PENALTY.read(given)?,
                l1_ratio: L1_RATIO.read(given)?,
                max_iterations: count(MAX_ITERATIONS)?,
            }),
        })
    }
}

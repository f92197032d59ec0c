//! Every rule there is, in one table.

use crate::check::Rule;

/// Held by whoever has the plugin's sources; [`crate::run`] has its component only.
pub const NATIVE: Rule = Rule {
    number: "NATIVE-01",
    what: "its own tests pass natively",
};

macro_rules! rules {
    ($($name:ident = $number:literal, $what:literal;)*) => {
        $(
            pub(crate) const $name: Rule = Rule { number: $number, what: $what };
        )*

        /// Every rule that [`crate::run`] holds against a component, by kind and number.
        pub const RULES: &[Rule] = &[$($name),*];
    };
}

rules! {
    MANIFEST = "LOAD-01", "carries one manifest, for the API version of this host";
    KIND = "LOAD-02", "is a component of its manifest's kind that imports only what the kind is given";
    CONFIG = "LOAD-03", "its settings have a JSON Schema that takes the configuration";
    STARTS = "LIMITS-01", "starts and takes its configuration within its limits";

    STRATEGY_ASKS = "STRATEGY-01", "asks only for features that the host has";
    STRATEGY_REPEATS = "STRATEGY-02", "wants the same on the same bars, in a fresh instance";
    STRATEGY_PREFIX = "STRATEGY-03", "wants the same whatever bars come later";
    STRATEGY_INTENTS = "STRATEGY-04", "its intents are ones that the host can act on";
    STRATEGY_WHOLE = "STRATEGY-05", "its whole-series form repeats, looks at no later bar and wants what it wants bar by bar";

    MODEL_OFFERS = "MODEL-01", "offers algorithms whose defaults are within their own bounds";
    MODEL_REPEATS = "MODEL-02", "the same fit twice saves the same bytes and predicts the same";
    MODEL_SHAPE = "MODEL-03", "predicts one row a sample; class probabilities lie in 0 to 1 and sum to 1";
    MODEL_LOADS = "MODEL-04", "what it saved loads and predicts the same";
    MODEL_IMPORTANCE = "MODEL-05", "importances, if any, are one a feature, not negative, and sum to 1";
    MODEL_REFUSES = "MODEL-06", "refuses what cannot be learnt from, and does not trap";
    MODEL_ORDER = "MODEL-07", "predicts in class order: it does not expect the opposite of a planted signal";
    MODEL_WEIGHTS = "MODEL-08", "sample weights make a difference where it says that it uses them";

    RISK_REPEATS = "RISK-01", "judges the same orders the same, in a fresh instance";
    RISK_TIGHTENS = "RISK-02", "never reduces to more than was asked, or below nothing";
    RISK_PROTECTS = "RISK-03", "its protective actions only reduce positions and cancel orders there are";

    BROKER_REPEATS = "BROKER-01", "fills the same orders on the same bars the same, in a fresh instance";
    BROKER_STEPS = "BROKER-02", "the order of a moment's bars changes nothing";
    BROKER_DUPLICATES = "BROKER-03", "takes a client order id once; again it is rejected with code duplicate";
    BROKER_BOOKS = "BROKER-04", "executions have ids of their own, are all told again, and add up to the positions";

    SOURCE_OFFERS = "SOURCE-01", "offers data sets of different names";
    SOURCE_ENDS = "SOURCE-02", "paging ends, no token comes twice, and no page is longer than stated";
    SOURCE_REPEATS = "SOURCE-03", "the same page twice is the same page";

    AI_OFFERS = "AI-01", "offers models of different names, with a context and no negative price";
    AI_REPEATS = "AI-02", "what is no language model answers the same request the same";
    AI_STREAMS = "AI-03", "a stream ends with the whole answer and holds the same text";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_is_given_twice() {
        let numbers: std::collections::BTreeSet<_> = RULES.iter().map(|rule| rule.number).collect();
        assert_eq!(numbers.len(), RULES.len());
    }
}

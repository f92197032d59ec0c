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

    RISK_APPROVES = "RISK-04", "approves one lot of an account that is well inside every limit";
    RISK_PRICE = "RISK-05", "where the price counts, none that is zero or negative is approved of";
    RISK_EQUITY = "RISK-06", "where equity counts, none that is zero or negative is approved of";
    RISK_CONFIDENCE = "RISK-07", "where confidence counts, none that is missing or no probability is approved of";
    RISK_FEATURES = "RISK-08", "where a feature counts, none that is missing or not finite is approved of";
    RISK_FIELDS = "RISK-09", "where a field of the host counts, none that is missing or of another type is approved of";
    RISK_INSTRUMENT = "RISK-10", "where the instrument counts, one that it does not know is not approved of";
    RISK_HOLDINGS = "RISK-11", "where the price of a holding counts, a missing one is not approved of";
    RISK_QUANTITY = "RISK-12", "where the quantity counts, one that is zero, negative or enormous is not approved of";
    RISK_SURVIVES = "RISK-13", "judges and reviews nonsense of every sort, and does not trap";
    RISK_CROWD = "RISK-14", "judges and reviews an account of 10,000 positions within its limits";
    RISK_DENIALS = "RISK-15", "every denial has a code in upper case from a short list, what was observed, and the limit";
    RISK_AGAIN = "RISK-16", "judges the same order the same when asked again at once";
    RISK_IDEMPOTENT = "RISK-17", "reviews the same account the same when asked again at once";
    RISK_SETTLES = "RISK-18", "what it proposed is not proposed again once it is done";
    RISK_EXITS = "RISK-19", "its orders are whole ticks and lots, above zero, and no larger than the position";
    RISK_CANCELS = "RISK-20", "never cancels an exit that it did not propose";
    RISK_SNAPSHOT = "RISK-21", "what it saved goes on the same in a fresh instance";
    RISK_GROWTH = "RISK-22", "after 10,000 orders a call needs no more fuel and hardly more memory than before";
    RISK_TAGS = "RISK-23", "an exit that the owner gave its tag does not stand for its own";

    BROKER_REPEATS = "BROKER-01", "fills the same orders on the same bars the same, in a fresh instance";
    BROKER_STEPS = "BROKER-02", "the order of a moment's bars changes nothing";
    BROKER_DUPLICATES = "BROKER-03", "takes a client order id once; again it is rejected with code duplicate";
    BROKER_BOOKS = "BROKER-04", "executions have ids of their own, are all told again, and add up to the positions";
    BROKER_MARKET = "BROKER-05", "market orders of every side and time in force fill at the market";
    BROKER_LIMIT = "BROKER-06", "limit orders of every side and time in force wait for their price and never fill worse";
    BROKER_STOP = "BROKER-07", "stop orders of every side and time in force wait for their price, then fill";
    BROKER_STOP_LIMIT = "BROKER-08", "stop-limit orders of every side and time in force wait for both prices";
    BROKER_TRAILING = "BROKER-09", "trailing stops of every side and time in force follow the market, then fill";
    BROKER_BRACKET = "BROKER-10", "a bracket's exits come with the entry's fill, and one ends the other";
    BROKER_DAY = "BROKER-11", "a day order is gone after the session";
    BROKER_GTC = "BROKER-12", "a good-till-cancelled order stands over sessions' ends";
    BROKER_GTD = "BROKER-13", "a good-till-date order stands until its time and no longer";
    BROKER_IOC = "BROKER-14", "what an immediate-or-cancel order does not get at once is cancelled";
    BROKER_FOK = "BROKER-15", "a fill-or-kill order fills whole and at once, or not at all";
    BROKER_REDUCE_ONLY = "BROKER-16", "a reduce-only order never opens or turns a position";
    BROKER_POST_ONLY = "BROKER-17", "a post-only order never takes liquidity";
    BROKER_REPLACE = "BROKER-18", "a replaced order works under its new id, quantity and price, and the old one is gone";
    BROKER_BELOW_FILLED = "BROKER-19", "no replacement below what has filled; the order works on";
    BROKER_CANCEL = "BROKER-20", "a cancelled order is gone and never fills";
    BROKER_TOO_LATE = "BROKER-21", "what has filled can be neither cancelled nor replaced";
    BROKER_PARTIAL = "BROKER-22", "partial fills add up, and leave what is left working until it fills or is cancelled";
    BROKER_IDS = "BROKER-23", "takes ids of 1 to 36 characters of [A-Za-z0-9_-], tells them unchanged, and takes no others";
    BROKER_ID_REUSE = "BROKER-24", "an id is a duplicate after its order filled, was cancelled or was replaced, and for a replacement";
    BROKER_ACCOUNT = "BROKER-25", "refuses an unknown account in every call";
    BROKER_ORDER = "BROKER-26", "refuses to cancel or replace an unknown order";
    BROKER_INSTRUMENT = "BROKER-27", "refuses an unknown instrument";
    BROKER_ABSURD = "BROKER-28", "refuses absurd quantities, prices and instructions";
    BROKER_BARS = "BROKER-29", "refuses what is no bar, and nothing has moved";
    BROKER_REFUSALS = "BROKER-30", "what it refused changes nothing";
    BROKER_READS = "BROKER-31", "asking changes nothing";
    BROKER_AGREES = "BROKER-32", "open orders are what the updates say";
    BROKER_PAGES = "BROKER-33", "paging through executions loses none and repeats none, also while new ones come";
    BROKER_CASH = "BROKER-34", "cash moves by exactly what was traded and its fees";
    BROKER_EQUITY = "BROKER-35", "equity is exactly cash and positions at the last close";
    BROKER_SPLIT = "BROKER-36", "a split multiplies positions and working orders, divides prices, and makes nobody richer";
    BROKER_DIVIDEND = "BROKER-37", "a dividend is cash a unit held, and another action nothing";
    BROKER_ACCOUNTS = "BROKER-38", "what one account does is none of another's";
    BROKER_FINISH = "BROKER-39", "when the book closes every working order is cancelled, and said to be";
    BROKER_CHANGES = "BROKER-40", "orders, changes and cancellations give the same in a fresh instance";
    BROKER_SNAPSHOT = "BROKER-41", "what it saved goes on the same in a fresh instance";

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

//! Restrictions: how much trading is allowed, where, since when and why.

use super::error::Refusal;
use bulkhead_domain::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// How much trading is allowed. Rises towards less trading.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum TradingState {
    /// Orders pass as the checks allow.
    #[default]
    Running,
    /// Only orders that are proven to reduce a position.
    ReduceOnly,
    /// No orders; what works goes on working.
    NoNewOrders,
    /// No orders, and what works is cancelled; orders that may only reduce a position stay unless told
    /// otherwise.
    Halted,
    /// Everything is cancelled, then every position is closed at market.
    Flatten,
}

impl TradingState {
    /// Every state, in order.
    pub const ALL: [TradingState; 5] = [
        TradingState::Running,
        TradingState::ReduceOnly,
        TradingState::NoNewOrders,
        TradingState::Halted,
        TradingState::Flatten,
    ];

    /// Its name in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            TradingState::Running => "running",
            TradingState::ReduceOnly => "reduce-only",
            TradingState::NoNewOrders => "no-new-orders",
            TradingState::Halted => "halted",
            TradingState::Flatten => "flatten",
        }
    }
}

impl fmt::Display for TradingState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for TradingState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        TradingState::ALL
            .into_iter()
            .find(|state| state.name() == text)
            .ok_or_else(|| {
                let names = TradingState::ALL.map(TradingState::name).join(", ");
                format!("'{text}' is no trading state; use one of: {names}")
            })
    }
}

/// What a restriction applies to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Scope {
    /// Everything.
    Global,
    /// One account.
    Account(String),
    /// One strategy or person.
    Strategy(String),
    /// Every order that a plugin takes part in: its owner's strategy, or the account's broker.
    Plugin(String),
    /// One instrument, by its symbol.
    Instrument(String),
    /// One run of a session. Rules and the host restrict their own session; it ends with it.
    Session(String),
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::Global => f.write_str("global"),
            Scope::Account(name) => write!(f, "account:{name}"),
            Scope::Strategy(name) => write!(f, "strategy:{name}"),
            Scope::Plugin(name) => write!(f, "plugin:{name}"),
            Scope::Instrument(name) => write!(f, "instrument:{name}"),
            Scope::Session(name) => write!(f, "session:{name}"),
        }
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "global" {
            return Ok(Scope::Global);
        }
        let wrong = || {
            format!(
                "'{text}' is no scope; use global, account:NAME, strategy:NAME, plugin:ID, instrument:SYMBOL or session:RUN"
            )
        };
        let (sort, name) = text.split_once(':').ok_or_else(wrong)?;
        if name.is_empty() {
            return Err(wrong());
        }
        let name = name.to_owned();
        match sort {
            "account" => Ok(Scope::Account(name)),
            "strategy" => Ok(Scope::Strategy(name)),
            "plugin" => Ok(Scope::Plugin(name)),
            "instrument" => Ok(Scope::Instrument(name)),
            "session" => Ok(Scope::Session(name)),
            _ => Err(wrong()),
        }
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> String {
        scope.to_string()
    }
}

impl TryFrom<String> for Scope {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// A restriction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latch {
    /// What it applies to.
    pub scope: Scope,
    /// How much is allowed there.
    pub state: TradingState,
    /// Who raised it, as in the audit log.
    pub actor: String,
    /// Why, in one line.
    pub reason: String,
    /// When.
    pub time: Timestamp,
    /// Whether resting orders that may only reduce a position are cancelled too.
    #[serde(default)]
    pub cancel_protection: bool,
}

impl Latch {
    /// Whether it holds back at least as much as another one.
    #[must_use]
    pub fn is_as_strict_as(&self, other: &Latch) -> bool {
        (self.state, self.cancel_protection) >= (other.state, other.cancel_protection)
    }
}

/// Everything that an order belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scopes<'a> {
    /// Its account.
    pub account: &'a str,
    /// Its owner.
    pub strategy: &'a str,
    /// Plugins that take part in it.
    pub plugins: [&'a str; 2],
    /// Its instrument's symbol.
    pub instrument: &'a str,
    /// The session's run.
    pub session: &'a str,
}

impl Scopes<'_> {
    fn within(&self, scope: &Scope) -> bool {
        match scope {
            Scope::Global => true,
            Scope::Account(name) => name == self.account,
            Scope::Strategy(name) => name == self.strategy,
            Scope::Plugin(name) => self.plugins.contains(&name.as_str()),
            Scope::Instrument(name) => name == self.instrument,
            Scope::Session(name) => name == self.session,
        }
    }
}

/// The restrictions that hold, one a scope.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Latches(BTreeMap<Scope, Latch>);

impl Latches {
    /// The strictest restriction on an order; `None` when there is none.
    #[must_use]
    pub fn strictest(&self, order: &Scopes<'_>) -> Option<&Latch> {
        self.0
            .values()
            .filter(|latch| order.within(&latch.scope))
            .max_by(|a, b| {
                // Between equals, the one that holds more back.
                (a.state, a.cancel_protection).cmp(&(b.state, b.cancel_protection))
            })
    }

    /// How much an order may do.
    #[must_use]
    pub fn state(&self, order: &Scopes<'_>) -> TradingState {
        self.strictest(order)
            .map_or(TradingState::Running, |latch| latch.state)
    }

    /// Adds a restriction. Does nothing, and gives `false`, where one as strict holds in its scope.
    pub fn raise(&mut self, latch: Latch) -> bool {
        if latch.state == TradingState::Running {
            return false;
        }
        match self.0.get(&latch.scope) {
            Some(held) if held.is_as_strict_as(&latch) => false,
            _ => {
                self.0.insert(latch.scope.clone(), latch);
                true
            }
        }
    }

    /// Takes a scope's restriction away and gives it.
    pub fn lower(&mut self, scope: &Scope) -> Option<Latch> {
        self.0.remove(scope)
    }

    /// The restriction of a scope.
    #[must_use]
    pub fn get(&self, scope: &Scope) -> Option<&Latch> {
        self.0.get(scope)
    }

    /// Every restriction, by scope.
    pub fn iter(&self) -> impl Iterator<Item = &Latch> {
        self.0.values()
    }

    /// Whether nothing is restricted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the restrictions let an order pass.
    pub(crate) fn allow(
        &self,
        order: &Scopes<'_>,
        reducing: bool,
        flatten: bool,
    ) -> Result<(), Refusal> {
        let Some(latch) = self.strictest(order) else {
            return Ok(());
        };
        let allowed = match latch.state {
            TradingState::Running => true,
            TradingState::ReduceOnly => reducing,
            TradingState::NoNewOrders | TradingState::Halted => false,
            TradingState::Flatten => flatten,
        };
        if allowed {
            Ok(())
        } else {
            Err(Refusal::Restricted(latch.clone()))
        }
    }
}

impl FromIterator<Latch> for Latches {
    fn from_iter<I: IntoIterator<Item = Latch>>(latches: I) -> Self {
        Latches(
            latches
                .into_iter()
                .map(|latch| (latch.scope.clone(), latch))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: Scopes<'static> = Scopes {
        account: "paper",
        strategy: "trend",
        plugins: ["ema-cross", "paper"],
        instrument: "AAPL",
        session: "s-1.1",
    };

    fn latch(scope: &str, state: TradingState) -> Latch {
        Latch {
            scope: scope.parse().unwrap(),
            state,
            actor: "person:me".to_owned(),
            reason: "test".to_owned(),
            time: Timestamp(1),
            cancel_protection: false,
        }
    }

    #[test]
    fn the_strictest_of_all_scopes_holds() {
        let mut latches = Latches::default();
        assert_eq!(latches.state(&ORDER), TradingState::Running);
        assert!(latches.raise(latch("instrument:AAPL", TradingState::ReduceOnly)));
        assert!(latches.raise(latch("plugin:paper", TradingState::NoNewOrders)));
        assert!(latches.raise(latch("strategy:other", TradingState::Flatten)));
        assert_eq!(latches.state(&ORDER), TradingState::NoNewOrders);
        assert!(latches.raise(latch("global", TradingState::Halted)));
        assert_eq!(latches.state(&ORDER), TradingState::Halted);
        latches.lower(&Scope::Global);
        assert_eq!(latches.state(&ORDER), TradingState::NoNewOrders);
    }

    #[test]
    fn raising_only_ever_tightens() {
        let mut latches = Latches::default();
        assert!(latches.raise(latch("global", TradingState::Halted)));
        assert!(!latches.raise(latch("global", TradingState::ReduceOnly)));
        assert!(!latches.raise(latch("global", TradingState::Halted)));
        assert!(!latches.raise(latch("account:x", TradingState::Running)));
        assert_eq!(latches.iter().count(), 1);
    }

    #[test]
    fn scopes_and_states_read_as_they_are_written() {
        for text in [
            "global",
            "account:a",
            "strategy:b:c",
            "plugin:p",
            "instrument:BRK.B",
            "session:s",
        ] {
            assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
        }
        for text in ["", "everything", "account:", "owner:x"] {
            assert!(
                text.parse::<Scope>().unwrap_err().contains("no scope"),
                "{text}"
            );
        }
        for state in TradingState::ALL {
            assert_eq!(state.name().parse::<TradingState>(), Ok(state));
        }
    }
}

//! The trade that is asked about.

use serde::Deserialize;
use std::collections::BTreeMap;

/// Which way the trade goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Side {
    Buy,
    Sell,
}

/// A proposed trade, as far as the rules look at it. Other fields are passed over: the host may say more.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Proposal {
    pub(crate) side: Side,
    /// Calibrated probability behind the trade, where there is one.
    #[serde(default)]
    pub(crate) confidence: Option<f64>,
    /// Features by name; null where not defined.
    #[serde(default)]
    pub(crate) features: BTreeMap<String, Option<f64>>,
    /// Whether the trade only brings a position closer to zero.
    #[serde(default)]
    pub(crate) reduces: bool,
}

impl Proposal {
    /// The first JSON object in a text.
    ///
    /// # Errors
    /// One line saying what is missing.
    pub(crate) fn find(text: &str) -> Result<Self, String> {
        let start = text
            .find('{')
            .ok_or("the last user message holds no JSON object with the proposed trade")?;
        let mut objects =
            serde_json::Deserializer::from_str(&text[start..]).into_iter::<Proposal>();
        match objects.next() {
            Some(Ok(proposal)) => Ok(proposal),
            Some(Err(error)) => Err(format!("the proposed trade does not parse: {error}")),
            None => Err("the proposed trade is empty".to_owned()),
        }
    }

    /// A feature that is defined.
    pub(crate) fn feature(&self, name: &str) -> Option<f64> {
        self.features
            .get(name)
            .copied()
            .flatten()
            .filter(|value| value.is_finite())
    }
}

//! The session's strategies: what they want at a moment, how large, and what becomes of one that fails.

use super::Session;
use crate::intents::Want;
use crate::learning::View;
use crate::rules::Rule;
use crate::sizing::sized;
use crate::strategies::{Sight, Standing};
use crate::swap::GivenUp;
use bulkhead_domain::Timestamp;
use bulkhead_domain::digest::DigestBuilder;
use bulkhead_domain::order::InstrumentHandle;
use bulkhead_domain::strategy::Intent;
use std::collections::BTreeMap;

/// Names the `number`-th decision of an owner on an instrument at a moment of a session.
pub(crate) fn trade_name(
    session: &str,
    owner: &str,
    symbol: &str,
    time: i64,
    number: usize,
) -> String {
    let digest = DigestBuilder::new()
        .part("session", session.as_bytes())
        .part("trade", owner.as_bytes())
        .part("symbol", symbol.as_bytes())
        .part("time", &time.to_le_bytes())
        .finish();
    format!("t-{}{number:03x}", &digest.to_string()[..16])
}

impl Session {
    /// Plugins that were given up since it was last asked.
    pub(crate) fn take_given_up(&mut self) -> Vec<GivenUp> {
        let mut given_up = std::mem::take(&mut self.given_up);
        given_up.extend(self.rules.iter().filter_map(Rule::take_given_up));
        given_up
    }

    /// Asks every strategy that is not out.
    pub(super) fn ask_strategies(
        &mut self,
        views: &BTreeMap<InstrumentHandle, BTreeMap<String, View>>,
    ) -> Vec<Want> {
        let mut wants = Vec::new();
        for index in 0..self.strategies.len() {
            let sight = Sight {
                moment: &self.moment,
                lines: &self.lines,
                views,
                desk: &self.desk,
                shadows: self.shadows.as_deref().filter(|_| self.gate.is_live()),
            };
            let Some(running) = self.strategies.get_mut(index) else {
                continue;
            };
            let name = running.name().to_owned();
            let now = Timestamp(self.moment.time);
            let failed = match running.stand(now) {
                Standing::Out => continue,
                Standing::Failed(failed) => Some(failed),
                Standing::Ready => None,
                Standing::Restarted { all } => {
                    let told = if all { "all" } else { "what is kept of all" };
                    let consequence = format!(
                        "a fresh instance takes over and was shown {told} that it had been"
                    );
                    let text = "it failed before";
                    self.recorder.incident(now.0, &name, text, &consequence);
                    None
                }
            };
            let asked = match failed {
                None => running
                    .ask(&sight)
                    .map_err(|error| running.failed(error.to_string(), now)),
                Some(failed) => Err(failed),
            };
            let (handles, declared) = (running.handles().to_vec(), running.models().to_vec());
            match asked {
                Ok(intents) => {
                    for (number, intent) in intents.into_iter().enumerate() {
                        let wanted = self
                            .size(intent, &name, &declared, views)
                            .and_then(|intent| Want::of(intent, &name, &handles, &self.desk));
                        match wanted {
                            Ok(want) => wants.extend(
                                want.into_iter()
                                    .map(|want| self.identify(want, number, &declared, views)),
                            ),
                            Err(what) => self.recorder.incident(
                                self.moment.time,
                                &name,
                                &what,
                                "the intent was ignored; the strategy goes on",
                            ),
                        }
                    }
                }
                Err(failed) => {
                    self.recorder
                        .incident(now.0, &name, &failed.text, &failed.consequence);
                    let ready = running.ready();
                    self.given_up.extend(failed.given_up.map(|reason| GivenUp {
                        plugin: ready.plugin.manifest().id.clone(),
                        digest: ready.plugin.digest(),
                        reason,
                    }));
                    wants.push(Want::withdrawal(&name, &self.desk));
                }
            }
        }
        wants
    }

    /// An intent as large as the configuration says, where it says so.
    fn size(
        &self,
        intent: Intent,
        owner: &str,
        declared: &[String],
        views: &BTreeMap<InstrumentHandle, BTreeMap<String, View>>,
    ) -> Result<Intent, String> {
        let Some(method) = self.sizing.get(owner) else {
            return Ok(intent);
        };
        let feature = |instrument, name: &str| self.lines.feature(instrument, name);
        let up = |instrument| {
            let said = views.get(&instrument).into_iter().flatten();
            said.filter(|(alias, _)| declared.contains(alias))
                .filter_map(|(_, view)| view.chosen())
                .collect()
        };
        sized(intent, method, owner, &self.desk, &feature, &up).map_err(|error| error.to_string())
    }

    /// Names the decision behind a want, and keeps what it was made on. One owner's decisions on one
    /// instrument at one moment have names that sort as they were made: the desk takes them in that order.
    fn identify(
        &self,
        mut want: Want,
        number: usize,
        declared: &[String],
        views: &BTreeMap<InstrumentHandle, BTreeMap<String, View>>,
    ) -> Want {
        let symbol = want.request.as_ref().map_or(String::new(), |request| {
            self.lines.symbol(request.instrument)
        });
        let time = self.moment.time;
        want.decision = trade_name(&self.id, &want.owner, &symbol, time, number);
        if let Some(request) = &want.request {
            want.features = self.lines.features(request.instrument);
            // What all models said, and which of it the strategy goes by.
            want.views = views
                .get(&request.instrument)
                .map(|said| {
                    said.iter()
                        .map(|(alias, view)| (view.clone(), declared.contains(alias)))
                        .collect()
                })
                .unwrap_or_default();
        }
        want
    }
}

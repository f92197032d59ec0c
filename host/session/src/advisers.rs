//! Asking AI providers what they make of entries, as tasks of the class `validation`.
//!
//! Promises: the orchestrator says who is asked; whatever goes wrong becomes an abstention that says so, never an
//! approval by accident. Everything that was heard, and whom a budget did not let be asked, is recorded, so that a
//! session that is resumed hears it again, makes the same choices, and asks nobody.
//!
//! Time here is the session's: breakers and cached answers live by it. An answer is given again to a question that is
//! equal in all but its time. What an answer costs is booked by the clock on
//! the wall, because a bill comes by that one.

use crate::config::check::VALIDATION;
use crate::config::{ContextLevel, ValidationConfig};
use crate::earned::{Earned, unkept};
use crate::shadow::Shadows;
use crate::validation::{Advice, Opinion, Provider, Question};
use bulkhead_domain::{Decimal, Problem, Timestamp};
use bulkhead_orchestrator::arms::context::{Context, Level};
use bulkhead_orchestrator::breaker::BreakerState;
use bulkhead_orchestrator::budget::{Amount, Budgets};
use bulkhead_orchestrator::cache::{Begun, Cache, CacheKey, Flight};
use bulkhead_orchestrator::call::{Failure, FailureCase};
use bulkhead_orchestrator::dispatch::{Answered, Asker, ClassConfig, Dispatch};
use bulkhead_orchestrator::{Candidate, TaskKind};
use bulkhead_store::Writer;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// One thing that was heard: what a provider answered, or why it did not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Heard {
    /// Who was asked.
    label: String,
    /// What came back.
    told: Result<Advice, Failure>,
    /// Its budget was spent before anybody was asked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    excluded: bool,
    /// Seconds it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    latency: Option<f64>,
    /// Tokens it used.
    #[serde(default, skip_serializing_if = "is_zero")]
    tokens: u64,
    /// What it cost.
    #[serde(default, skip_serializing_if = "Decimal::is_zero")]
    cost: Decimal,
    /// Given again without a call.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    cached: bool,
}

impl Heard {
    /// Told without a call, or in vain.
    fn free(label: String, told: Result<Advice, Failure>) -> Heard {
        Heard {
            label,
            told,
            excluded: false,
            latency: None,
            tokens: 0,
            cost: Decimal::ZERO,
            cached: false,
        }
    }
}

/// What came of asking about one entry.
#[derive(Debug, Clone)]
pub(crate) struct Verdict {
    /// Who answered; everybody who could be asked where nobody did.
    pub(crate) provider: String,
    /// What it makes of it.
    pub(crate) advice: Advice,
    /// The choice of who was asked.
    pub(crate) choice: Option<String>,
    /// Why nobody answered.
    pub(crate) failure: Option<String>,
    /// All that was heard.
    pub(crate) heard: Vec<Heard>,
}

/// Everybody who judges entries in a session.
pub(crate) struct Advisers {
    dispatch: Dispatch,
    providers: Vec<Arc<Provider>>,
    cache: Option<Cache<Advice>>,
    contexts: ValidationConfig,
    /// Who is told of every call.
    shadows: Option<Arc<Shadows>>,
}

/// What advisers are made of.
pub(crate) struct Panel<'a> {
    pub(crate) providers: Vec<Arc<Provider>>,
    pub(crate) validation: &'a ValidationConfig,
    pub(crate) class: &'a ClassConfig,
    /// Seed of the draws, which no other session shares.
    pub(crate) seed: u64,
    pub(crate) opened: Timestamp,
    pub(crate) writer: Option<Writer>,
    pub(crate) budgets: Option<Arc<Budgets>>,
    /// How long each takes, where that has a say: as it was known when the session began.
    pub(crate) latencies: Option<Vec<Option<f64>>>,
}

/// Checks that labels are distinct and that the class's configuration names no other.
pub(crate) fn check_slate(
    candidates: &[Candidate],
    class: &ClassConfig,
    name: &str,
) -> Result<(), Problem> {
    let labels: Vec<String> = candidates.iter().map(Candidate::label).collect();
    let mut sorted: Vec<&String> = labels.iter().collect();
    sorted.sort();
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Problem::user(
            format!(
                "two candidates of the task class {name} are called {}",
                pair[0]
            ),
            "give one of them a `name` of its own",
        ));
    }
    class.check(&labels).map_err(|error| {
        Problem::user(
            format!("[tasks.{name}] {error}"),
            "correct it; README lists every key",
        )
    })
}

impl Advisers {
    /// Nobody was asked yet.
    ///
    /// # Errors
    /// When the class is configured wrong.
    pub(crate) fn new(panel: Panel<'_>) -> Result<Self, Problem> {
        let candidates = panel.providers.iter().map(|p| p.candidate().clone());
        let candidates: Vec<Candidate> = candidates.collect();
        check_slate(&candidates, panel.class, VALIDATION)?;
        let dispatch = Dispatch::new(
            TaskKind::Validate,
            VALIDATION,
            panel.class.clone(),
            candidates,
            panel.seed,
            0,
            panel.opened,
        );
        Ok(Advisers {
            dispatch: dispatch
                .kept_by(panel.writer)
                .within(panel.budgets)
                .taking(panel.latencies),
            providers: panel.providers,
            cache: panel.class.cache.map(Cache::new),
            contexts: panel.validation.clone(),
            shadows: None,
        })
    }

    /// Mirrors what is asked.
    pub(crate) fn beside(self, shadows: Arc<Shadows>) -> Self {
        Advisers {
            shadows: Some(shadows),
            ..self
        }
    }

    /// Tells of breakers that are open.
    fn tell_health(&self, now: Timestamp) {
        let Some(shadows) = &self.shadows else {
            return;
        };
        for (candidate, state) in self.dispatch.health(now) {
            if let BreakerState::Open { reason, .. } = state {
                shadows.opened(&candidate.plugin, candidate.digest, &reason.to_string());
            }
        }
    }

    /// Who stands in a place.
    pub(crate) fn candidate(&self, place: usize) -> Option<&Candidate> {
        self.dispatch.candidates().get(place)
    }

    /// The name of the model that is asked in a place.
    pub(crate) fn model(&self, place: usize) -> Option<&str> {
        Some(self.providers.get(place)?.model())
    }

    /// Puts a new version of a provider in its place. It answers the next question.
    pub(crate) fn succeed(
        &mut self,
        place: usize,
        provider: Provider,
        earned: &mut Earned,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let candidate = provider.candidate().clone();
        self.dispatch
            .succeed(&mut earned.rewards, place, candidate, now)
            .map_err(unkept)?;
        if let Some(known) = self.providers.get_mut(place) {
            *known = Arc::new(provider);
        }
        Ok(())
    }

    /// Asks about every entry. `recorded` is what a session that is resumed heard about them, instead of asking.
    ///
    /// # Errors
    /// When a choice cannot be kept, or the record is another session's.
    pub(crate) async fn ask(
        &mut self,
        questions: &[Question],
        recorded: Option<Vec<Vec<Heard>>>,
        earned: &mut Earned,
    ) -> Result<Vec<Verdict>, Problem> {
        let mut recorded = recorded.map(Vec::into_iter);
        let mut verdicts = Vec::with_capacity(questions.len());
        for question in questions {
            let past = recorded.as_mut().map(|all| all.next().unwrap_or_default());
            verdicts.push(self.one(question, past, earned).await?);
        }
        Ok(verdicts)
    }

    async fn one(
        &mut self,
        question: &Question,
        past: Option<Vec<Heard>>,
        earned: &mut Earned,
    ) -> Result<Verdict, Problem> {
        let context = self.context(question);
        let mut asking = Asking {
            question,
            providers: &self.providers,
            cache: self.cache.as_ref(),
            past: past.map(VecDeque::from),
            heard: Vec::new(),
            shadows: self.shadows.as_deref(),
            bar: earned.bars(question.instrument),
        };
        let done = self
            .dispatch
            .perform(&mut earned.rewards, &context, &mut asking)
            .await
            .map_err(unkept)?;
        let heard = asking.heard;
        self.tell_health(question.time);
        for (_, id, advice) in &done.shadows {
            earned.advised(question.instrument, id, question.side, advice.probability());
        }
        Ok(match done.answer {
            Ok((place, advice)) => {
                if let Some(choice) = &done.choice {
                    let right = advice.probability();
                    earned.advised(question.instrument, choice, question.side, right);
                }
                Verdict {
                    provider: self.label(place),
                    advice,
                    choice: done.choice,
                    failure: None,
                    heard,
                }
            }
            Err(error) => {
                let labels = (0..self.providers.len()).map(|place| self.label(place));
                let why = match heard.as_slice() {
                    // With a single provider its own words say everything.
                    [
                        Heard {
                            told: Err(failure), ..
                        },
                    ] if self.providers.len() == 1 => failure.to_string(),
                    _ => error.to_string(),
                };
                Verdict {
                    provider: labels.collect::<Vec<_>>().join(", "),
                    advice: Advice {
                        opinion: Opinion::Abstain,
                        confidence: None,
                        reasons: vec![crate::validation::cut(&format!("no answer: {why}"))],
                        contaminated: false,
                    },
                    choice: None,
                    failure: Some(why),
                    heard,
                }
            }
        })
    }

    fn label(&self, place: usize) -> String {
        self.candidate(place)
            .map_or_else(String::new, Candidate::label)
    }

    fn context(&self, question: &Question) -> Context {
        let level = |level: &ContextLevel| {
            let (name, value) = match level {
                ContextLevel::Instrument => ("instrument", question.symbol.clone()),
                ContextLevel::Regime => ("regime", self.regime(question)?),
            };
            Some(Level {
                name: name.to_owned(),
                value,
            })
        };
        Context(self.contexts.contexts.iter().filter_map(level).collect())
    }

    fn regime(&self, question: &Question) -> Option<String> {
        let regime = self.contexts.regime.as_ref()?;
        let known = question.features.iter();
        let value = known.filter(|(name, _)| *name == regime.feature);
        Some(regime.of(value.map(|(_, value)| *value).next().flatten()))
    }
}

/// One question on its way.
struct Asking<'a> {
    question: &'a Question,
    providers: &'a [Arc<Provider>],
    cache: Option<&'a Cache<Advice>>,
    /// What is still to be heard again.
    past: Option<VecDeque<Heard>>,
    heard: Vec<Heard>,
    shadows: Option<&'a Shadows>,
    /// Bars of the instrument that have closed.
    bar: u64,
}

/// The time of the clock on the wall.
pub(crate) fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp(since.map_or(0, |since| {
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    }))
}

impl Asking<'_> {
    fn label(&self, place: usize) -> String {
        self.providers[place].candidate().label()
    }

    /// An answer from the past, from the cache, or from the provider.
    async fn hear(&mut self, place: usize) -> Heard {
        let label = self.label(place);
        let Some(past) = &mut self.past else {
            return self.ask_or_recall(place, label).await;
        };
        let next = past.pop_front().filter(|heard| heard.label == label);
        let heard = next.unwrap_or_else(|| {
            let text = "the record of the session has no answer of it here";
            Heard::free(label, Err(Failure::new(FailureCase::Cancelled, text)))
        });
        // The cache comes to hold what it did.
        if let (Ok(advice), Some(Begun::Lead(flight))) = (&heard.told, self.begin(place)) {
            answer(flight, advice, self.question.time);
        }
        heard
    }

    /// Looks the question up, with its time left out.
    fn begin(&self, place: usize) -> Option<Begun<Advice>> {
        let cache = self.cache?;
        let provider = &self.providers[place];
        let timeless = provider.request(&Question {
            time: Timestamp(0),
            ..self.question.clone()
        });
        let input = format!("{timeless:?}");
        let key = CacheKey::new(provider.candidate(), "complete", input.as_bytes());
        Some(cache.begin(key, self.question.time))
    }

    async fn ask_or_recall(&self, place: usize, label: String) -> Heard {
        let provider = &self.providers[place];
        let time = self.question.time;
        let flight = match self.begin(place) {
            Some(Begun::Answer(advice)) => {
                let advice = Advice {
                    contaminated: provider.is_contaminated(time),
                    ..advice
                };
                return Heard {
                    cached: true,
                    ..Heard::free(label, Ok(advice))
                };
            }
            Some(Begun::Lead(flight)) => Some(flight),
            // Nobody else asks in this session.
            Some(Begun::Wait(_)) | None => None,
        };
        let begun = Instant::now();
        let told = provider.ask(provider.request(self.question), time).await;
        let latency = begun.elapsed();
        if let Some(shadows) = self.shadows {
            let asked = (place, provider.candidate());
            let heard = told.as_ref().map(|(advice, _)| advice);
            shadows.heard(asked, (self.question, self.bar), latency, heard);
        }
        let latency = latency.as_secs_f64();
        match told {
            Ok((advice, used)) => {
                if let Some(flight) = flight {
                    answer(flight, &advice, time);
                }
                Heard {
                    latency: Some(latency),
                    tokens: used.tokens,
                    cost: used.money,
                    ..Heard::free(label, Ok(advice))
                }
            }
            Err(failure) => Heard::free(label, Err(failure)),
        }
    }
}

fn answer(flight: Flight<Advice>, advice: &Advice, time: Timestamp) {
    let bytes = advice.reasons.iter().map(String::len).sum::<usize>();
    flight.answer(advice.clone(), bytes + size_of::<Advice>(), time);
}

impl Asker for Asking<'_> {
    type Answer = Advice;

    fn now(&self) -> Timestamp {
        self.question.time
    }

    fn estimate(&self, place: usize) -> Option<(Amount, Timestamp)> {
        if self.past.is_some() {
            return None;
        }
        let provider = &self.providers[place];
        Some((provider.most(&provider.request(self.question)), wall()))
    }

    fn over_budget(&mut self, found: Vec<(usize, Failure)>) -> Vec<usize> {
        let Some(past) = &mut self.past else {
            let told = |(place, failure)| Heard {
                excluded: true,
                ..Heard::free(self.label(place), Err(failure))
            };
            let places = found.iter().map(|(place, _)| *place).collect();
            let heard: Vec<Heard> = found.into_iter().map(told).collect();
            self.heard.extend(heard);
            return places;
        };
        while let Some(heard) = past.pop_front_if(|heard| heard.excluded) {
            self.heard.push(heard);
        }
        let recorded = |place: &usize| self.heard.iter().any(|it| it.label == self.label(*place));
        (0..self.providers.len()).filter(recorded).collect()
    }

    fn denied(&mut self, place: usize, failure: &Failure) {
        let told = Heard::free(self.label(place), Err(failure.clone()));
        self.heard.push(told);
    }

    async fn pause(&mut self, nanoseconds: i64) {
        if self.past.is_none() {
            let pause = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(0));
            tokio::time::sleep(pause).await;
        }
    }

    async fn ask(&mut self, place: usize) -> Result<Answered<Advice>, Failure> {
        let heard = self.hear(place).await;
        self.heard.push(heard.clone());
        heard.told.map(|value| Answered {
            value,
            latency: heard.latency,
            used: Amount {
                calls: 1,
                tokens: heard.tokens,
                money: heard.cost,
            },
            cached: heard.cached,
        })
    }
}

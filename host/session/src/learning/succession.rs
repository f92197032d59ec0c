//! A new version of a model takes its predecessor's place in the middle of a session.
//!
//! Promises: what the old version learnt is handed over where the new one takes it, with the calibration that belongs
//! to it; else the new one learns now, on the newest window. Where it can do neither, nothing has changed. From the
//! next bar on it predicts: no bar goes without.

use super::fitting::{Window, fit_one};
use super::{Fitted, Learner, Trainer};
use crate::handed::Handed;
use bulkhead_domain::Digest;
use std::sync::Arc;

/// A new version that is ready to take a candidate's place on one instrument.
pub(crate) struct Successor {
    place: usize,
    trainer: Arc<dyn Trainer>,
    fitted: Option<Fitted>,
    pub(crate) handed: Handed,
}

impl Learner {
    /// SHA-256 of the component of the candidate in a place.
    pub(crate) fn digest(&self, place: usize) -> Option<Digest> {
        Some(self.trainers.get(place)?.candidate().digest)
    }

    /// Makes a new version of a candidate ready; nothing changes yet.
    ///
    /// # Errors
    /// Why it can neither take over what was learnt nor learn by itself.
    pub(crate) fn prepare(
        &mut self,
        place: usize,
        trainer: Arc<dyn Trainer>,
    ) -> Result<Successor, String> {
        let old = self
            .pupils
            .get_mut(place)
            .and_then(|pupil| pupil.fitted.as_mut());
        let Some(old) = old else {
            return Ok(Successor {
                place,
                trainer,
                fitted: None,
                handed: Handed::Nothing,
            });
        };
        let saved =
            (old.predictor.save()).map_err(|why| format!("the old version gave no state: {why}"));
        let loaded = saved.and_then(|saved| {
            let loaded = trainer.load(&saved);
            loaded.map_err(|why| format!("the new version did not take the state: {why}"))
        });
        let (fitted, handed) = match loaded {
            Ok(predictor) => {
                let calibration = old.calibration;
                let fitted = Fitted {
                    predictor,
                    calibration,
                };
                (fitted, Handed::Snapshot)
            }
            Err(because) => (self.learn(trainer.as_ref())?, Handed::Replay { because }),
        };
        Ok(Successor {
            place,
            trainer,
            fitted: Some(fitted),
            handed,
        })
    }

    fn learn(&self, trainer: &dyn Trainer) -> Result<Fitted, String> {
        let samples: Vec<usize> = self.complete().collect();
        let window = Window::new(&self.bars, &self.names, &samples, &self.config);
        if let Some(why) = window.unfit() {
            return Err(why);
        }
        let seed = self.draw_seed(&trainer.candidate().identity().to_string());
        let request = window.request(trainer, seed);
        fit_one(trainer, &request, &window.calibration())
    }

    /// Puts a new version in its place.
    pub(crate) fn succeed(&mut self, successor: Successor) {
        let Successor {
            place,
            trainer,
            fitted,
            ..
        } = successor;
        if let (Some(pupil), Some(known)) =
            (self.pupils.get_mut(place), self.trainers.get_mut(place))
        {
            pupil.succeed(trainer.candidate(), fitted);
            *known = trainer;
            self.replaced = true;
        }
    }
}

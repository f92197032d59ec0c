//! A choice as it is kept: enough to make it again.

use crate::policy::{Choice, Policy};
use crate::task::{Standing, Task};
use bulkhead_domain::digest::DigestBuilder;
use bulkhead_domain::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

/// Where every candidate stood. Choices made before it changes share one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standings {
    /// Names it: digest of session, task and time.
    pub id: Digest,
    /// When it was drawn up.
    pub time: Timestamp,
    /// The task.
    pub task: Task,
    /// How the winner is found.
    pub policy: Policy,
    /// The candidates, in the order they were named.
    pub candidates: Vec<Standing>,
}

impl Standings {
    /// Draws up standings.
    #[must_use]
    pub fn new(
        session: &str,
        time: Timestamp,
        task: Task,
        policy: Policy,
        candidates: Vec<Standing>,
    ) -> Self {
        let id = DigestBuilder::new()
            .part("session", session.as_bytes())
            .part("standings", task.to_string().as_bytes())
            .part("time", &time.0.to_le_bytes())
            .finish();
        Standings {
            id,
            time,
            task,
            policy,
            candidates,
        }
    }
}

/// A choice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// `p-` and 16 hexadecimal digits.
    pub id: String,
    /// When it was made.
    pub time: Timestamp,
    /// The standings it was made on.
    pub standings: Digest,
    /// The winner and the reason.
    pub choice: Choice,
}

/// What came of deriving a decision again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rederived {
    /// The same choice.
    Same,
    /// Another choice: the record was changed, or the policy was.
    Different(Choice),
}

impl Decision {
    /// Chooses on the given standings.
    #[must_use]
    pub fn make(session: &str, time: Timestamp, standings: &Standings) -> Decision {
        let id = DigestBuilder::new()
            .part("session", session.as_bytes())
            .part("decision", standings.task.to_string().as_bytes())
            .part("time", &time.0.to_le_bytes())
            .finish();
        Decision {
            id: format!("p-{}", &id.to_string()[..16]),
            time,
            standings: standings.id,
            choice: standings.policy.choose(&standings.candidates),
        }
    }

    /// Makes the choice again from the recorded standings.
    #[must_use]
    pub fn rederive(&self, standings: &Standings) -> Rederived {
        let again = standings.policy.choose(&standings.candidates);
        if again == self.choice {
            Rederived::Same
        } else {
            Rederived::Different(again)
        }
    }
}

//! The session that runs in this process, between whoever changes plugins and what is installed.

use crate::operations::PluginOperations;
use crate::shadows::Keeper;
use bulkhead_domain::Problem;
use bulkhead_registry::{Applied, Config, Live, Ready};
use bulkhead_sandbox::Plugin;
use bulkhead_session::{GivenUp, Incoming, Operator, Refused, Ticket};
use std::sync::{Arc, Weak};

/// The session that runs, as whoever changes plugins sees it.
pub(crate) struct Running(pub(crate) Arc<Incoming>, pub(crate) Arc<Keeper>);

/// A version on its way to the session.
struct Handing {
    incoming: Arc<Incoming>,
    ticket: Ticket,
    plugin: Plugin,
}

impl Live for Running {
    fn ready(&self, plugin: &Plugin, defaults: &Config) -> Result<Vec<Box<dyn Ready>>, Problem> {
        let Some(ticket) = self.0.accepts(plugin, defaults)? else {
            return Ok(Vec::new());
        };
        Ok(vec![Box::new(Handing {
            incoming: Arc::clone(&self.0),
            ticket,
            plugin: plugin.clone(),
        })])
    }

    fn changed(&self, applied: &Applied) {
        self.1.changed(applied);
    }
}

impl Ready for Handing {
    fn serve(self: Box<Self>) {
        self.incoming.push(self.ticket, self.plugin);
    }
}

/// Has what is installed say what the session came to.
pub(crate) struct Caretaker(pub(crate) Weak<PluginOperations>);

impl Operator for Caretaker {
    fn refused(&self, refused: &Refused<'_>) {
        if let Some(operations) = self.0.upgrade() {
            operations.take_back(refused);
        }
    }

    fn given_up(&self, given_up: &GivenUp) {
        if let Some(operations) = self.0.upgrade() {
            operations.give_up(given_up);
        }
    }
}

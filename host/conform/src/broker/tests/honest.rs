//! A native broker: the venue with two accounts beside it.

use crate::broker::seam::Broker;
use bulkhead_domain::order::{
    ActionKind, Execution, OpenOrder, Order, OrderKind, OrderUpdate, Replacement, Step, TimeInForce,
};
use bulkhead_domain::{Decimal, Instrument, Refusal};
use bulkhead_sandbox::{AccountState, CallError, Cause, HeldPosition, PluginError};
use bulkhead_venue::{FeeModel, InstrumentSpec, Venue, VenueAccount, VenueConfig, VenueReject};
use std::collections::BTreeMap;

/// What can be wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    LosesAnExecutionBetweenPages,
    ForgetsDividends,
    SplitsNoPositions,
    RoundsFees,
    KeepsDayOrders,
    ReducesBeyondZero,
    MarksAtCost,
    RestoresWithoutCash,
    ReplacesBelowFilled,
    FoldsIds,
    SaysUnauthorized,
    TrapsOnInstruments,
    TakesLiquidity,
    KillsNothing,
    MixesAccounts,
    FinishesSilently,
    MovesOnBadBars,
    SupportsNoTrailing,
}

const ACCOUNTS: [&str; 2] = ["main", "second"];
const PAGE: usize = 500;

/// One account's books.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
struct Books {
    cash: Decimal,
    /// Quantity and cost by instrument.
    held: BTreeMap<u32, (Decimal, Decimal)>,
    executions: Vec<Execution>,
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct State {
    venue: Venue,
    books: Vec<Books>,
    marks: BTreeMap<u32, Decimal>,
    now: i64,
}

pub(super) struct Native {
    state: State,
    wrong: Option<Wrong>,
}

fn refused<T>(refusal: Refusal) -> Result<T, CallError> {
    Err(CallError::Refused {
        plugin: "native".to_owned(),
        refusal,
    })
}

fn rejected<T>(reject: &VenueReject) -> Result<T, CallError> {
    refused(Refusal::Rejected {
        code: reject.code().to_owned(),
        text: reject.to_string(),
    })
}

fn trap<T>(message: &str) -> Result<T, CallError> {
    Err(CallError::Failed(PluginError {
        plugin: "native".to_owned(),
        version: "0.1.0".to_owned(),
        function: "submit",
        cause: Cause::Panicked {
            message: message.to_owned(),
        },
        backtrace: Vec::new(),
    }))
}

impl Native {
    pub(super) fn new(instruments: &[Instrument], wrong: Option<Wrong>) -> Self {
        let specs: Vec<InstrumentSpec> = (instruments.iter())
            .map(|one| InstrumentSpec {
                handle: one.handle,
                tick: one.tick,
                lot: one.lot,
                multiplier: one.multiplier,
            })
            .collect();
        let config = VenueConfig {
            account: ACCOUNTS[0].to_owned(),
            further_accounts: vec![VenueAccount {
                id: ACCOUNTS[1].to_owned(),
                fee_currency: "USD".to_owned(),
            }],
            fees: FeeModel::Fraction {
                rate: Decimal::new(3, 5),
            },
            ..VenueConfig::default()
        };
        let books = Books {
            cash: Decimal::from(100_000),
            ..Books::default()
        };
        Native {
            state: State {
                venue: Venue::new(config, &specs).unwrap(),
                books: vec![books.clone(), books],
                marks: BTreeMap::new(),
                now: 0,
            },
            wrong,
        }
    }

    fn is(&self, wrong: Wrong) -> bool {
        self.wrong == Some(wrong)
    }

    fn holder(&self, account: &str) -> Result<usize, CallError> {
        match ACCOUNTS.iter().position(|own| *own == account) {
            Some(holder) => Ok(holder),
            None if self.is(Wrong::SaysUnauthorized) => {
                refused(Refusal::Unauthorized(account.to_owned()))
            }
            None => rejected(&VenueReject::Account {
                observed: account.to_owned(),
                expected: ACCOUNTS.join(", "),
            }),
        }
    }

    fn owned(&self, account: &str, id: &str) -> Result<(), CallError> {
        self.holder(account)?;
        let of = self.state.venue.account_of(id);
        if of.is_some_and(|of| of != account) && !self.is(Wrong::MixesAccounts) {
            return rejected(&VenueReject::Unknown(id.to_owned()));
        }
        Ok(())
    }

    fn multiplier(&self, instrument: u32) -> Decimal {
        let spec = self.state.venue.instrument(instrument);
        spec.map_or(Decimal::ONE, |spec| spec.multiplier)
    }

    fn book(&mut self, one: &Execution) {
        let multiplier = self.multiplier(one.instrument);
        let holder = self.holder(&one.account).unwrap();
        let rounds = self.is(Wrong::RoundsFees);
        let books = &mut self.state.books[holder];
        let signed = one.side.sign() * one.quantity;
        let fee = if rounds { one.fee.round_dp(2) } else { one.fee };
        books.cash -= signed * one.price * multiplier + fee;
        let (quantity, cost) = books.held.entry(one.instrument).or_default();
        *quantity += signed;
        *cost += signed * one.price;
        books.executions.push(one.clone());
    }

    fn act(&mut self, instrument: u32, kind: &ActionKind) {
        let (forgets, keeps) = (
            self.is(Wrong::ForgetsDividends),
            self.is(Wrong::SplitsNoPositions),
        );
        let spec = self.state.venue.instrument(instrument).unwrap().clone();
        let mark = self.state.marks.get(&instrument).copied();
        for books in &mut self.state.books {
            let (quantity, _) = books.held.entry(instrument).or_default();
            match kind {
                ActionKind::Dividend(each) if !forgets => {
                    books.cash += *quantity * *each * spec.multiplier;
                }
                ActionKind::Split {
                    numerator,
                    denominator,
                } if !keeps => {
                    let terms = Decimal::from(*numerator) / Decimal::from(*denominator);
                    let all = *quantity * terms;
                    let whole = (all / spec.lot).trunc() * spec.lot;
                    books.cash +=
                        (all - whole) * mark.unwrap_or_default() / terms * spec.multiplier;
                    *quantity = whole;
                }
                _ => {}
            }
        }
    }
}

impl Broker for Native {
    fn accounts(&mut self) -> Result<Vec<AccountState>, CallError> {
        let account = |(holder, id): (usize, &&str)| {
            let books = &self.state.books[holder];
            let mut equity = books.cash;
            for (instrument, (quantity, cost)) in &books.held {
                let mark = self.state.marks.get(instrument).copied();
                let value = match mark {
                    Some(_) if self.is(Wrong::MarksAtCost) => *cost,
                    mark => *quantity * mark.unwrap_or_default(),
                };
                equity += value * self.multiplier(*instrument);
            }
            AccountState {
                id: (*id).to_owned(),
                currency: "USD".to_owned(),
                cash: books.cash,
                equity,
                buying_power: equity.max(Decimal::ZERO),
                extra: Vec::new(),
            }
        };
        Ok(ACCOUNTS.iter().enumerate().map(account).collect())
    }

    fn positions(&mut self, account: &str) -> Result<Vec<HeldPosition>, CallError> {
        let holder = self.holder(account)?;
        let held = self.state.books[holder].held.iter();
        let held = held.filter(|(_, (quantity, _))| !quantity.is_zero());
        Ok(held
            .map(|(instrument, (quantity, cost))| HeldPosition {
                account: account.to_owned(),
                instrument: *instrument,
                quantity: *quantity,
                average_price: *cost / *quantity,
            })
            .collect())
    }

    fn submit(&mut self, order: &Order) -> Result<(), CallError> {
        self.holder(&order.account)?;
        let mut order = order.clone();
        let request = &mut order.request;
        match self.wrong {
            Some(Wrong::TrapsOnInstruments)
                if self.state.venue.instrument(request.instrument).is_none() =>
            {
                return trap("no such instrument");
            }
            Some(Wrong::SupportsNoTrailing)
                if matches!(request.kind, OrderKind::TrailingStop(_)) =>
            {
                return refused(Refusal::Unsupported("trailing stops".to_owned()));
            }
            Some(Wrong::KeepsDayOrders) if request.time_in_force == TimeInForce::Day => {
                request.time_in_force = TimeInForce::GoodTillCancelled;
                // A mark by which it is told as it was sent.
                request.tag.push_str("day");
            }
            Some(Wrong::ReducesBeyondZero) => request.reduce_only = false,
            Some(Wrong::TakesLiquidity) if matches!(request.kind, OrderKind::Limit(_)) => {
                request.post_only = false;
            }
            Some(Wrong::KillsNothing) if request.time_in_force == TimeInForce::FillOrKill => {
                request.time_in_force = TimeInForce::ImmediateOrCancel;
            }
            _ => {}
        }
        let taken = self.state.venue.submit(&order, self.state.now);
        taken.or_else(|reject| rejected(&reject))
    }

    fn replace(&mut self, account: &str, replacement: &Replacement) -> Result<(), CallError> {
        self.owned(account, &replacement.client_order_id)?;
        match self.state.venue.replace(replacement, self.state.now) {
            Err(VenueReject::Filled { .. }) if self.is(Wrong::ReplacesBelowFilled) => Ok(()),
            outcome => outcome.or_else(|reject| rejected(&reject)),
        }
    }

    fn cancel(&mut self, account: &str, client_order_id: &str) -> Result<(), CallError> {
        self.owned(account, client_order_id)?;
        let gone = self.state.venue.cancel(client_order_id);
        gone.or_else(|reject| rejected(&reject))
    }

    fn open_orders(&mut self, account: &str) -> Result<Vec<OpenOrder>, CallError> {
        self.holder(account)?;
        let mut open = self.state.venue.open_orders();
        open.retain(|open| open.order.account == account);
        for open in &mut open {
            if self.is(Wrong::KeepsDayOrders) && open.order.request.tag.ends_with("day") {
                open.order.request.time_in_force = TimeInForce::Day;
            }
            if self.is(Wrong::FoldsIds) {
                open.order.client_order_id.make_ascii_lowercase();
            }
        }
        Ok(open)
    }

    fn executions(
        &mut self,
        account: &str,
        cursor: &str,
    ) -> Result<(Vec<Execution>, String), CallError> {
        let holder = self.holder(account)?;
        let all = &self.state.books[holder].executions;
        let start = match cursor {
            "" => Some(0),
            cursor => cursor.parse().ok(),
        };
        let Some(start) = start.filter(|start| *start <= all.len()) else {
            return refused(Refusal::InvalidInput(format!("no cursor `{cursor}`")));
        };
        let end = all.len().min(start + PAGE);
        let from = if self.is(Wrong::LosesAnExecutionBetweenPages) && start > 0 {
            end.min(start + 1)
        } else {
            start
        };
        let cursor = if end == 0 {
            String::new()
        } else {
            end.to_string()
        };
        Ok((all[from..end].to_vec(), cursor))
    }

    fn advance(&mut self, steps: &[Step]) -> Result<Vec<OrderUpdate>, CallError> {
        if self.is(Wrong::MovesOnBadBars) && steps.iter().any(|step| step.bar.high.is_nan()) {
            self.state.books[0].cash += Decimal::ONE;
        }
        let updates = match self.state.venue.advance(steps) {
            Ok(updates) => updates,
            Err(problem) => return refused(Refusal::InvalidInput(problem.to_string())),
        };
        for step in steps {
            for action in &step.actions {
                self.act(step.instrument, &action.kind);
            }
        }
        for one in updates.iter().filter_map(|update| update.execution.clone()) {
            self.book(&one);
        }
        for step in steps {
            let close = bulkhead_domain::number::from_f64(step.bar.close).unwrap();
            self.state.marks.insert(step.instrument, close);
            self.state.now = step.bar.time;
        }
        Ok(updates)
    }

    fn finish(&mut self, time: i64) -> Result<Vec<OrderUpdate>, CallError> {
        let updates = self.state.venue.finish(time);
        if self.is(Wrong::FinishesSilently) {
            return Ok(Vec::new());
        }
        Ok(updates)
    }

    fn save(&mut self) -> Option<Result<Vec<u8>, String>> {
        Some(serde_json::to_vec(&self.state).map_err(|error| error.to_string()))
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), String> {
        self.state = serde_json::from_slice(state).map_err(|error| error.to_string())?;
        if self.is(Wrong::RestoresWithoutCash) {
            self.state.books[0].cash = Decimal::ZERO;
        }
        Ok(())
    }
}

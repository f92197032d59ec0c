//! A broker on a stage: an hourly market that goes where it is told, and what is sent and heard there.
//!
//! Bars are an hour apart, so that limits on requests a minute are met by waiting. What a broker answers
//! because of a fault (a line that is down, a rate limit, an answer that was lost) is waited for or asked
//! about, as the contract has it.

use super::seam::{Broker, Make};
use crate::check::Stop;
use bulkhead_domain::order::{
    Bar, CorporateAction, Execution, OpenOrder, Order, OrderKind, OrderRequest, OrderUpdate,
    Outcome, Replacement, Side, Step, TimeInForce,
};
use bulkhead_domain::time::SECOND;
use bulkhead_domain::{Decimal, Instrument, Refusal};
use bulkhead_sandbox::{AccountState, CallError};

/// The share that most checks trade: cents and whole shares.
pub(super) const SHARE: u32 = 1;
/// A future: quarters of a point, 50 to the point.
pub(super) const FUTURE: u32 = 4;
/// A share in the last account's currency.
pub(super) const OTHERS: u32 = 6;

/// What an order is for unless it says otherwise.
pub(super) const UNITS: i64 = 10;

/// Where the share's price begins, cents.
pub(super) const PAR: i64 = 10_000;

/// Bars within which what can fill has filled, faults notwithstanding.
pub(super) const PATIENCE: usize = 60;

/// Times that a request is made while faults come between.
const RETRIES: usize = 12;

const HOUR: i64 = 3_600 * SECOND;

/// 2024-01-03T00:00:00Z.
const START: i64 = 1_704_240_000 * SECOND;

/// Volume of a bar in which orders are small, and in which they are not.
const DEEP: f64 = 1_000_000.0;
const THIN: f64 = 100.0;

/// Cents as money.
pub(super) fn cents(cents: i64) -> Decimal {
    Decimal::new(cents, 2)
}

/// What became of a call: an answer of its kind is told from a fault.
pub(super) enum Answer<T> {
    Done(T),
    /// The broker's refusal, which is its answer.
    Refused(Refusal),
    /// Nothing was sent; waiting mends it.
    Later(String),
    /// It is not known what came of it.
    Unknown(String),
}

/// Tells an answer from a fault.
///
/// # Errors
/// When the call did not return.
pub(super) fn answer<T>(outcome: Result<T, CallError>) -> Result<Answer<T>, Stop> {
    match outcome {
        Ok(value) => Ok(Answer::Done(value)),
        Err(CallError::Failed(error)) => Err(Stop::Wrong(error.to_string())),
        Err(CallError::Refused { refusal, .. }) => Ok(match refusal {
            Refusal::RateLimited(_) | Refusal::Unavailable(_) | Refusal::Timeout => {
                Answer::Later(refusal.to_string())
            }
            Refusal::Ambiguous(_) | Refusal::Other { .. } => Answer::Unknown(refusal.to_string()),
            _ => Answer::Refused(refusal),
        }),
    }
}

/// A value that has to be had.
pub(super) fn had<T>(outcome: Result<T, CallError>) -> Result<T, Stop> {
    match answer(outcome)? {
        Answer::Done(value) => Ok(value),
        Answer::Refused(refusal) => Err(Stop::Refused(refusal.to_string())),
        Answer::Later(why) | Answer::Unknown(why) => Err(Stop::Disturbed(why)),
    }
}

/// What every play of a broker begins with.
pub(super) struct Stage<'a> {
    pub(super) make: Make<'a>,
    pub(super) accounts: Vec<AccountState>,
    /// Which try this is: another one has other ids and another day.
    pub(super) number: usize,
}

impl Stage<'_> {
    pub(super) fn instruments(&self) -> Vec<Instrument> {
        let currency = |account: Option<&AccountState>| {
            account.map_or_else(|| "USD".to_owned(), |account| account.currency.clone())
        };
        let (first, last) = (
            currency(self.accounts.first()),
            currency(self.accounts.last()),
        );
        let share = |handle, symbol, currency: &str| Instrument {
            currency: currency.to_owned(),
            ..Instrument::us_equity(handle, symbol)
        };
        vec![
            share(SHARE, "SHARE", &first),
            Instrument {
                tick: Decimal::new(25, 2),
                multiplier: Decimal::from(50),
                ..share(FUTURE, "FUTURE", &first)
            },
            share(OTHERS, "OTHERS", &last),
        ]
    }

    /// A fresh broker that has seen some calm bars.
    pub(super) fn play(&self) -> Result<Play, Stop> {
        let broker = (self.make)(&self.instruments()).map_err(Stop::Wrong)?;
        let Some(account) = self.accounts.first() else {
            return Err(Stop::Wrong("it has no account".to_owned()));
        };
        let mut play = Play {
            broker,
            account: account.id.clone(),
            now: START + self.number as i64 * 24 * HOUR,
            price: PAR,
            volume: DEEP,
            number: self.number,
            minted: 0,
            updates: Vec::new(),
        };
        play.calm(3)?;
        Ok(play)
    }
}

/// A broker in its market.
pub(super) struct Play {
    pub(super) broker: Box<dyn Broker>,
    pub(super) account: String,
    /// Close of the last bar.
    pub(super) now: i64,
    /// Last price of the share, cents.
    pub(super) price: i64,
    volume: f64,
    number: usize,
    minted: usize,
    /// Everything heard so far.
    pub(super) updates: Vec<OrderUpdate>,
}

impl Play {
    /// The next bars: the share's from its last price through the extremes `low` and `high` to `close`.
    pub(super) fn steps(&self, low: i64, high: i64, close: i64) -> Vec<Step> {
        let step = |instrument, [open, high, low, close]: [i64; 4], volume| Step {
            instrument,
            open_time: self.now,
            bar: Bar {
                time: self.now + HOUR,
                open: open as f64 / 100.0,
                high: high as f64 / 100.0,
                low: low as f64 / 100.0,
                close: close as f64 / 100.0,
                volume,
                factor: 1.0,
            },
            session_end: false,
            actions: Vec::new(),
        };
        vec![
            step(SHARE, [self.price, high, low, close], self.volume),
            step(FUTURE, [2_000, 2_025, 1_975, 2_000], DEEP),
            step(OTHERS, [5_000, 5_050, 4_950, 5_000], DEEP),
        ]
    }

    /// Shows bars, and keeps what is heard.
    pub(super) fn show(&mut self, steps: &[Step]) -> Result<(), Stop> {
        let updates = had(self.broker.advance(steps)).map_err(|stop| match stop {
            Stop::Refused(why) => Stop::Wrong(format!("it refused bars: {why}")),
            other => other,
        })?;
        self.updates.extend(updates);
        for step in steps {
            self.now = step.bar.time;
            if step.instrument == SHARE {
                self.price = (step.bar.close * 100.0).round() as i64;
            }
        }
        Ok(())
    }

    /// Bars half a unit of money around the last price.
    pub(super) fn calm(&mut self, bars: usize) -> Result<(), Stop> {
        for _ in 0..bars {
            let steps = self.steps(self.price - 50, self.price + 50, self.price);
            self.show(&steps)?;
        }
        Ok(())
    }

    /// A bar in which the share goes straight to `price`.
    pub(super) fn go(&mut self, price: i64) -> Result<(), Stop> {
        let steps = self.steps(
            self.price.min(price) - 10,
            self.price.max(price) + 10,
            price,
        );
        self.show(&steps)
    }

    /// A calm bar that ends a session.
    pub(super) fn close_session(&mut self) -> Result<(), Stop> {
        let mut steps = self.steps(self.price - 50, self.price + 50, self.price);
        steps.iter_mut().for_each(|step| step.session_end = true);
        self.show(&steps)
    }

    /// A calm bar with an action before it, upon which the share is at `price`.
    pub(super) fn act(&mut self, action: CorporateAction, price: i64) -> Result<(), Stop> {
        self.price = price;
        let mut steps = self.steps(price - 50, price + 50, price);
        steps[0].actions.push(action);
        self.show(&steps)
    }

    /// Bars until no volume but a thin one is remembered.
    pub(super) fn thin_out(&mut self) -> Result<(), Stop> {
        self.volume = THIN;
        self.calm(25)
    }

    /// Calm bars until none of the orders works, [`PATIENCE`] at most.
    pub(super) fn settle(&mut self, ids: &[&str]) -> Result<(), Stop> {
        for _ in 0..PATIENCE {
            self.calm(1)?;
            let open = self.open()?;
            if !open
                .iter()
                .any(|open| ids.contains(&open.order.client_order_id.as_str()))
            {
                break;
            }
        }
        Ok(())
    }

    /// An id that nobody had.
    pub(super) fn id(&mut self) -> String {
        self.minted += 1;
        format!("conform-{}-{}", self.number, self.minted)
    }

    /// An order with an id of its own.
    pub(super) fn order(&mut self, request: OrderRequest) -> Order {
        Order {
            client_order_id: self.id(),
            account: self.account.clone(),
            owner: "conform".to_owned(),
            request,
        }
    }

    /// Sends an order that has to be taken; its id.
    pub(super) fn send(&mut self, request: OrderRequest) -> Result<String, Stop> {
        let order = self.order(request);
        self.send_order(&order)?;
        Ok(order.client_order_id)
    }

    pub(super) fn send_order(&mut self, order: &Order) -> Result<(), Stop> {
        self.get_through(
            &format!("order {}", order.client_order_id),
            |play| play.broker.submit(order),
            |play| play.knows(&order.client_order_id),
        )
    }

    pub(super) fn cancel(&mut self, id: &str) -> Result<(), Stop> {
        let account = self.account.clone();
        self.get_through(
            &format!("cancellation of {id}"),
            |play| play.broker.cancel(&account, id),
            |play| Ok(!play.is_open(id)?),
        )
    }

    /// Replaces an order; the new id.
    pub(super) fn replace(
        &mut self,
        id: &str,
        quantity: Decimal,
        kind: OrderKind,
    ) -> Result<String, Stop> {
        let account = self.account.clone();
        let replacement = Replacement {
            client_order_id: id.to_owned(),
            new_client_order_id: self.id(),
            quantity,
            kind,
        };
        self.get_through(
            &format!("replacement of {id}"),
            |play| play.broker.replace(&account, &replacement),
            |play| play.knows(&replacement.new_client_order_id),
        )?;
        Ok(replacement.new_client_order_id)
    }

    /// Makes a request until it is answered; `done` tells whether one without an answer took effect.
    fn get_through(
        &mut self,
        what: &str,
        mut request: impl FnMut(&mut Play) -> Result<(), CallError>,
        done: impl Fn(&mut Play) -> Result<bool, Stop>,
    ) -> Result<(), Stop> {
        let mut last = String::new();
        for _ in 0..RETRIES {
            match answer(request(self))? {
                Answer::Done(()) => return Ok(()),
                Answer::Refused(Refusal::Unsupported(what)) => {
                    return Err(Stop::Skip(format!("unsupported: {what}")));
                }
                Answer::Refused(refusal) => {
                    return Err(Stop::Refused(format!("{what} is refused: {refusal}")));
                }
                Answer::Unknown(_) if done(self)? => return Ok(()),
                Answer::Unknown(why) | Answer::Later(why) => last = why,
            }
            self.calm(1)?;
        }
        Err(Stop::Disturbed(last))
    }

    /// Holds that a request is refused as the caller's mistake; the refusal.
    pub(super) fn must_refuse<T>(
        &mut self,
        what: &str,
        mut request: impl FnMut(&mut Play) -> Result<T, CallError>,
    ) -> Result<Refusal, Stop> {
        let mut last = String::new();
        for _ in 0..RETRIES {
            match answer(request(self))? {
                Answer::Done(_) => return Err(Stop::Wrong(format!("{what} is taken"))),
                Answer::Refused(
                    refusal @ (Refusal::InvalidInput(_)
                    | Refusal::Rejected { .. }
                    | Refusal::Unsupported(_)),
                ) => return Ok(refusal),
                Answer::Refused(other) => {
                    return Err(Stop::Wrong(format!(
                        "{what} is neither invalid input nor rejected, but {other}"
                    )));
                }
                Answer::Unknown(why) | Answer::Later(why) => last = why,
            }
            self.calm(1)?;
        }
        Err(Stop::Disturbed(last))
    }

    pub(super) fn open(&mut self) -> Result<Vec<OpenOrder>, Stop> {
        had(self.broker.open_orders(&self.account))
    }

    pub(super) fn is_open(&mut self, id: &str) -> Result<bool, Stop> {
        Ok(self.working(id)?.is_some())
    }

    pub(super) fn working(&mut self, id: &str) -> Result<Option<OpenOrder>, Stop> {
        let mut open = self.open()?.into_iter();
        Ok(open.find(|open| open.order.client_order_id == id))
    }

    fn knows(&mut self, id: &str) -> Result<bool, Stop> {
        Ok(self.is_open(id)?
            || self
                .executions()?
                .iter()
                .any(|one| one.client_order_id == id))
    }

    /// All executions that the broker tells when it is asked.
    pub(super) fn executions(&mut self) -> Result<Vec<Execution>, Stop> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let (page, next) = had(self.broker.executions(&self.account, &cursor))?;
            if next == cursor || all.len() > super::MOST_PAGES {
                all.extend(page);
                return Ok(all);
            }
            all.extend(page);
            cursor = next;
        }
    }

    /// Position in an instrument.
    pub(super) fn position(&mut self, instrument: u32) -> Result<Decimal, Stop> {
        let held = had(self.broker.positions(&self.account))?;
        let of = held.iter().filter(|held| held.instrument == instrument);
        Ok(of.map(|held| held.quantity).sum())
    }

    /// The account as it stands.
    pub(super) fn state(&mut self) -> Result<AccountState, Stop> {
        let accounts = had(self.broker.accounts())?;
        let own = accounts
            .into_iter()
            .find(|account| account.id == self.account);
        own.ok_or_else(|| Stop::Wrong(format!("account {} is gone", self.account)))
    }

    /// Fills of an order that were heard of.
    pub(super) fn fills(&self, id: &str) -> Vec<Execution> {
        let of = self
            .updates
            .iter()
            .filter(|update| update.client_order_id == id);
        of.filter_map(|update| update.execution.clone()).collect()
    }

    pub(super) fn filled(&self, id: &str) -> Decimal {
        self.fills(id).iter().map(|fill| fill.quantity).sum()
    }

    /// The last thing heard of an order.
    pub(super) fn last(&self, id: &str) -> Option<&OrderUpdate> {
        let mut of = self
            .updates
            .iter()
            .filter(|update| update.client_order_id == id);
        of.next_back()
    }

    /// Buys units of the share at market and waits for them.
    pub(super) fn hold(&mut self, units: i64) -> Result<String, Stop> {
        let id = self.send(request(Side::Buy, OrderKind::Market, units))?;
        self.settle(&[&id])?;
        let held = self.position(SHARE)?;
        if held == Decimal::from(units) {
            return Ok(id);
        }
        Err(Stop::Wrong(format!(
            "after buying {units} at market the position is {held}{}",
            self.last(&id).map_or_else(String::new, |last| format!(
                "; last heard: {:?} {}",
                last.outcome, last.reason
            ))
        )))
    }
}

/// A good-till-cancelled order in the share.
pub(super) fn request(side: Side, kind: OrderKind, units: i64) -> OrderRequest {
    OrderRequest {
        kind,
        time_in_force: TimeInForce::GoodTillCancelled,
        ..OrderRequest::market(SHARE, side, units.into())
    }
}

/// Whether an order that this became of works no longer.
pub(super) fn ended(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Filled | Outcome::Cancelled | Outcome::Expired | Outcome::Rejected => true,
        Outcome::Accepted | Outcome::Triggered | Outcome::PartiallyFilled => false,
    }
}

/// Fails with a line unless it holds.
pub(super) fn hold_that(holds: bool, wrong: impl FnOnce() -> String) -> Result<(), Stop> {
    if holds {
        Ok(())
    } else {
        Err(Stop::Wrong(wrong()))
    }
}

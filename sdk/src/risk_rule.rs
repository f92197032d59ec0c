//! Risk rules: they can only tighten. The host clamps whatever would enlarge an order, and denies when a
//! rule fails to answer.

use crate::entry::{self, configured};
use crate::number::{Fields, InvalidDecimal};
use crate::order::{OpenOrder, Order, OrderRequest};
use crate::wire::orders;
use crate::wire::risk_rule::exports::bulkhead::plugin::risk_rule as wire;
use crate::{Instrument, InstrumentHandle, Timestamp};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

pub use wire::{Denial, Error};

/// A rule. Export it with `export!(risk_rule: MyType)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is exported as a risk rule, but does not implement `bulkhead_sdk::risk_rule::RiskRule`"
)]
pub trait RiskRule: Sized + 'static {
    /// The configuration; its JSON Schema goes into `plugin.toml`.
    type Config: DeserializeOwned + JsonSchema;

    /// Takes the configuration and the instruments whose handles later calls use.
    ///
    /// # Errors
    /// One line that names the key and says what is wrong with it.
    fn new(config: Self::Config, instruments: &[Instrument]) -> Result<Self, String>;

    /// Judges one order before it is sent. Approves unless told otherwise.
    ///
    /// # Errors
    /// The order or its context cannot be judged; the host denies.
    fn assess(
        &mut self,
        order: &Order,
        context: &Context,
        portfolio: &Portfolio,
    ) -> Result<Verdict, Error> {
        let _ = (order, context, portfolio);
        Ok(Verdict::Approve)
    }

    /// Looks at the whole portfolio and proposes protective actions; none unless told otherwise.
    ///
    /// # Errors
    /// The portfolio cannot be judged.
    fn review(&mut self, portfolio: &Portfolio) -> Result<Vec<ProtectiveAction>, Error> {
        let _ = portfolio;
        Ok(Vec::new())
    }
}

/// A position of one owner in one instrument.
#[derive(Debug, Clone, PartialEq)]
pub struct Position {
    /// The strategy or person it belongs to.
    pub owner: String,
    /// What is held.
    pub instrument: InstrumentHandle,
    /// Below zero is short.
    pub quantity: Decimal,
    /// Average entry price, raw.
    pub average_price: Decimal,
    /// Last raw price; `None` when none is fresh.
    pub market_price: Option<Decimal>,
    /// When the position was opened.
    pub opened: Timestamp,
}

/// The account as it stands, working orders beside it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Portfolio {
    /// The moment.
    pub time: Timestamp,
    /// The account.
    pub account: String,
    /// Currency of every amount.
    pub currency: String,
    /// Settled and unsettled cash.
    pub cash: Decimal,
    /// Cash plus positions at market.
    pub equity: Decimal,
    /// Equity when the prior session closed.
    pub prior_session_equity: Decimal,
    /// Highest equity at any session's close so far.
    pub peak_equity: Decimal,
    /// Every non-zero position.
    pub positions: Vec<Position>,
    /// Orders that work or wait to be sent. The tag of one that a rule placed is what the rule gave it; any
    /// other begins with who gave it: `owner:`, `bracket:` on the exits of an owner's bracket, or `host:`.
    pub open_orders: Vec<OpenOrder>,
}

/// What an order is judged by, besides the portfolio.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Context {
    /// Fresh raw price of the order's instrument.
    pub reference_price: Decimal,
    /// Money per point of price per unit.
    pub multiplier: Decimal,
    /// Calibrated probability behind the order, where there is one.
    pub confidence: Option<f64>,
    /// Features of the instrument at the decision, as far as they are defined.
    pub features: Vec<(String, f64)>,
    /// Whatever else the host tells.
    pub extra: Fields,
}

/// A rule's answer to an order.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// As asked.
    Approve,
    /// A smaller quantity than asked, and why.
    ReduceTo(Decimal, Denial),
    /// Not at all.
    Reject(Denial),
    /// Not at all, and stop all trading.
    Halt(Denial),
}

/// What a rule proposes after looking at the whole portfolio.
#[derive(Debug, Clone, PartialEq)]
pub enum ProtectiveAction {
    /// A reduce-only order for a position's owner.
    Place {
        /// Owner of the position it protects.
        owner: String,
        /// The order.
        request: OrderRequest,
    },
    /// Cancel a working order by its client order id.
    Cancel(String),
    /// Stop all trading.
    Halt(Denial),
}

impl TryFrom<wire::Portfolio> for Portfolio {
    type Error = InvalidDecimal;

    fn try_from(portfolio: wire::Portfolio) -> Result<Self, Self::Error> {
        Ok(Portfolio {
            time: portfolio.time,
            account: portfolio.account,
            currency: portfolio.currency,
            cash: portfolio.cash.try_into()?,
            equity: portfolio.equity.try_into()?,
            prior_session_equity: portfolio.prior_session_equity.try_into()?,
            peak_equity: portfolio.peak_equity.try_into()?,
            positions: portfolio
                .positions
                .into_iter()
                .map(Position::try_from)
                .collect::<Result<_, _>>()?,
            open_orders: portfolio
                .open_orders
                .into_iter()
                .map(OpenOrder::try_from)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl TryFrom<wire::Position> for Position {
    type Error = InvalidDecimal;

    fn try_from(position: wire::Position) -> Result<Self, Self::Error> {
        Ok(Position {
            owner: position.owner,
            instrument: position.instrument,
            quantity: position.quantity.try_into()?,
            average_price: position.average_price.try_into()?,
            market_price: position.market_price.map(Decimal::try_from).transpose()?,
            opened: position.opened,
        })
    }
}

impl TryFrom<wire::Context> for Context {
    type Error = InvalidDecimal;

    fn try_from(context: wire::Context) -> Result<Self, Self::Error> {
        Ok(Context {
            reference_price: context.reference_price.try_into()?,
            multiplier: context.multiplier.try_into()?,
            confidence: context.confidence,
            features: context.features,
            extra: context.extra,
        })
    }
}

impl From<Verdict> for wire::Verdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Approve => wire::Verdict::Approve,
            Verdict::ReduceTo(quantity, denial) => {
                wire::Verdict::ReduceTo((quantity.into(), denial))
            }
            Verdict::Reject(denial) => wire::Verdict::Reject(denial),
            Verdict::Halt(denial) => wire::Verdict::Halt(denial),
        }
    }
}

impl From<ProtectiveAction> for wire::ProtectiveAction {
    fn from(action: ProtectiveAction) -> Self {
        match action {
            ProtectiveAction::Place { owner, request } => {
                wire::ProtectiveAction::Place((owner, request.into()))
            }
            ProtectiveAction::Cancel(client_order_id) => {
                wire::ProtectiveAction::Cancel(client_order_id)
            }
            ProtectiveAction::Halt(denial) => wire::ProtectiveAction::Halt(denial),
        }
    }
}

impl From<InvalidDecimal> for Error {
    fn from(error: InvalidDecimal) -> Self {
        Error::InvalidInput(error.to_string())
    }
}

configured!(RiskRule);

impl<T: RiskRule> wire::Guest for Adapter<T> {
    fn assess(
        order: orders::Order,
        context: wire::Context,
        portfolio: wire::Portfolio,
    ) -> Result<wire::Verdict, Error> {
        let order = Order::try_from(order)?;
        let context = Context::try_from(context)?;
        let portfolio = Portfolio::try_from(portfolio)?;
        entry::with::<T, _>(|rule| rule.assess(&order, &context, &portfolio)).map(Into::into)
    }

    fn review(portfolio: wire::Portfolio) -> Result<Vec<wire::ProtectiveAction>, Error> {
        let portfolio = Portfolio::try_from(portfolio)?;
        let actions = entry::with::<T, _>(|rule| rule.review(&portfolio))?;
        Ok(actions.into_iter().map(Into::into).collect())
    }
}

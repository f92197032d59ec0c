//! Orders and what becomes of them.

use super::{Accept, Invalid, same_cases};
use crate::bindings::common::orders as wit;
use bulkhead_domain::order::{
    Bracket, Execution, Liquidity, OpenOrder, Order, OrderKind, OrderRequest, Side, TimeInForce,
    Trail,
};

same_cases!(Side, wit::Side, [Buy, Sell]);
same_cases!(Liquidity, wit::Liquidity, [Maker, Taker, Unknown]);

impl From<OrderKind> for wit::OrderKind {
    fn from(kind: OrderKind) -> Self {
        match kind {
            OrderKind::Market => wit::OrderKind::Market,
            OrderKind::Limit(price) => wit::OrderKind::Limit(price.into()),
            OrderKind::Stop(price) => wit::OrderKind::Stop(price.into()),
            OrderKind::StopLimit { stop, limit } => wit::OrderKind::StopLimit(wit::StopLimit {
                stop: stop.into(),
                limit: limit.into(),
            }),
            OrderKind::TrailingStop(Trail::Amount(amount)) => {
                wit::OrderKind::TrailingStop(wit::Trail::Amount(amount.into()))
            }
            OrderKind::TrailingStop(Trail::Fraction(fraction)) => {
                wit::OrderKind::TrailingStop(wit::Trail::Fraction(fraction.into()))
            }
        }
    }
}

impl Accept<OrderKind> for wit::OrderKind {
    fn accept(self) -> Result<OrderKind, Invalid> {
        Ok(match self {
            wit::OrderKind::Market => OrderKind::Market,
            wit::OrderKind::Limit(price) => OrderKind::Limit(price.accept()?),
            wit::OrderKind::Stop(price) => OrderKind::Stop(price.accept()?),
            wit::OrderKind::StopLimit(prices) => OrderKind::StopLimit {
                stop: prices.stop.accept()?,
                limit: prices.limit.accept()?,
            },
            wit::OrderKind::TrailingStop(wit::Trail::Amount(amount)) => {
                OrderKind::TrailingStop(Trail::Amount(amount.accept()?))
            }
            wit::OrderKind::TrailingStop(wit::Trail::Fraction(fraction)) => {
                OrderKind::TrailingStop(Trail::Fraction(fraction.accept()?))
            }
        })
    }
}

impl From<TimeInForce> for wit::TimeInForce {
    fn from(value: TimeInForce) -> Self {
        match value {
            TimeInForce::Day => wit::TimeInForce::Day,
            TimeInForce::GoodTillCancelled => wit::TimeInForce::GoodTillCancelled,
            TimeInForce::GoodTillDate(time) => wit::TimeInForce::GoodTillDate(time),
            TimeInForce::ImmediateOrCancel => wit::TimeInForce::ImmediateOrCancel,
            TimeInForce::FillOrKill => wit::TimeInForce::FillOrKill,
        }
    }
}

impl From<wit::TimeInForce> for TimeInForce {
    fn from(value: wit::TimeInForce) -> Self {
        match value {
            wit::TimeInForce::Day => TimeInForce::Day,
            wit::TimeInForce::GoodTillCancelled => TimeInForce::GoodTillCancelled,
            wit::TimeInForce::GoodTillDate(time) => TimeInForce::GoodTillDate(time),
            wit::TimeInForce::ImmediateOrCancel => TimeInForce::ImmediateOrCancel,
            wit::TimeInForce::FillOrKill => TimeInForce::FillOrKill,
        }
    }
}

impl From<OrderRequest> for wit::OrderRequest {
    fn from(request: OrderRequest) -> Self {
        wit::OrderRequest {
            instrument: request.instrument,
            side: request.side.into(),
            quantity: request.quantity.into(),
            kind: request.kind.into(),
            time_in_force: request.time_in_force.into(),
            reduce_only: request.reduce_only,
            post_only: request.post_only,
            bracket: request.bracket.map(|bracket| wit::Bracket {
                take_profit: bracket.take_profit.map(Into::into),
                stop_loss: bracket.stop_loss.map(Into::into),
            }),
            tag: request.tag,
        }
    }
}

impl Accept<Bracket> for wit::Bracket {
    fn accept(self) -> Result<Bracket, Invalid> {
        Ok(Bracket {
            take_profit: self.take_profit.accept()?,
            stop_loss: self.stop_loss.accept()?,
        })
    }
}

impl Accept<OrderRequest> for wit::OrderRequest {
    fn accept(self) -> Result<OrderRequest, Invalid> {
        Ok(OrderRequest {
            instrument: self.instrument,
            side: self.side.into(),
            quantity: self.quantity.accept()?,
            kind: self.kind.accept()?,
            time_in_force: self.time_in_force.into(),
            reduce_only: self.reduce_only,
            post_only: self.post_only,
            bracket: self.bracket.accept()?,
            tag: self.tag,
        })
    }
}

impl From<Order> for wit::Order {
    fn from(order: Order) -> Self {
        wit::Order {
            client_order_id: order.client_order_id,
            account: order.account,
            owner: order.owner,
            request: order.request.into(),
        }
    }
}

impl Accept<Order> for wit::Order {
    fn accept(self) -> Result<Order, Invalid> {
        Ok(Order {
            client_order_id: self.client_order_id,
            account: self.account,
            owner: self.owner,
            request: self.request.accept()?,
        })
    }
}

impl From<OpenOrder> for wit::OpenOrder {
    fn from(open: OpenOrder) -> Self {
        wit::OpenOrder {
            order: open.order.into(),
            filled: open.filled.into(),
            accepted: open.accepted,
        }
    }
}

impl Accept<OpenOrder> for wit::OpenOrder {
    fn accept(self) -> Result<OpenOrder, Invalid> {
        Ok(OpenOrder {
            order: self.order.accept()?,
            filled: self.filled.accept()?,
            accepted: self.accepted,
        })
    }
}

impl Accept<Execution> for wit::Execution {
    fn accept(self) -> Result<Execution, Invalid> {
        Ok(Execution {
            execution_id: self.execution_id,
            client_order_id: self.client_order_id,
            account: self.account,
            instrument: self.instrument,
            side: self.side.into(),
            quantity: self.quantity.accept()?,
            price: self.price.accept()?,
            fee: self.fee.accept()?,
            fee_currency: self.fee_currency,
            liquidity: self.liquidity.into(),
            time: self.time,
        })
    }
}

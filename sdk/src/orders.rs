//! Orders and fills, between the contract's records and the venue's types.

use crate::number::InvalidDecimal;
use crate::wire::{orders, types};
use bulkhead_venue::order::{
    ActionKind, Bracket, CorporateAction, Execution, Liquidity, OpenOrder, Order, OrderKind,
    OrderRequest, Side, TimeInForce, Trail,
};
use rust_decimal::Decimal;

fn optional(value: Option<types::Decimal>) -> Result<Option<Decimal>, InvalidDecimal> {
    value.map(Decimal::try_from).transpose()
}

impl From<Side> for orders::Side {
    fn from(side: Side) -> Self {
        match side {
            Side::Buy => orders::Side::Buy,
            Side::Sell => orders::Side::Sell,
        }
    }
}

impl From<orders::Side> for Side {
    fn from(side: orders::Side) -> Self {
        match side {
            orders::Side::Buy => Side::Buy,
            orders::Side::Sell => Side::Sell,
        }
    }
}

impl From<OrderKind> for orders::OrderKind {
    fn from(kind: OrderKind) -> Self {
        match kind {
            OrderKind::Market => orders::OrderKind::Market,
            OrderKind::Limit(price) => orders::OrderKind::Limit(price.into()),
            OrderKind::Stop(price) => orders::OrderKind::Stop(price.into()),
            OrderKind::StopLimit { stop, limit } => {
                orders::OrderKind::StopLimit(orders::StopLimit {
                    stop: stop.into(),
                    limit: limit.into(),
                })
            }
            OrderKind::TrailingStop(Trail::Amount(amount)) => {
                orders::OrderKind::TrailingStop(orders::Trail::Amount(amount.into()))
            }
            OrderKind::TrailingStop(Trail::Fraction(fraction)) => {
                orders::OrderKind::TrailingStop(orders::Trail::Fraction(fraction.into()))
            }
        }
    }
}

impl TryFrom<orders::OrderKind> for OrderKind {
    type Error = InvalidDecimal;

    fn try_from(kind: orders::OrderKind) -> Result<Self, Self::Error> {
        Ok(match kind {
            orders::OrderKind::Market => OrderKind::Market,
            orders::OrderKind::Limit(price) => OrderKind::Limit(price.try_into()?),
            orders::OrderKind::Stop(price) => OrderKind::Stop(price.try_into()?),
            orders::OrderKind::StopLimit(both) => OrderKind::StopLimit {
                stop: both.stop.try_into()?,
                limit: both.limit.try_into()?,
            },
            orders::OrderKind::TrailingStop(orders::Trail::Amount(amount)) => {
                OrderKind::TrailingStop(Trail::Amount(amount.try_into()?))
            }
            orders::OrderKind::TrailingStop(orders::Trail::Fraction(fraction)) => {
                OrderKind::TrailingStop(Trail::Fraction(fraction.try_into()?))
            }
        })
    }
}

impl From<TimeInForce> for orders::TimeInForce {
    fn from(time: TimeInForce) -> Self {
        match time {
            TimeInForce::Day => orders::TimeInForce::Day,
            TimeInForce::GoodTillCancelled => orders::TimeInForce::GoodTillCancelled,
            TimeInForce::GoodTillDate(date) => orders::TimeInForce::GoodTillDate(date),
            TimeInForce::ImmediateOrCancel => orders::TimeInForce::ImmediateOrCancel,
            TimeInForce::FillOrKill => orders::TimeInForce::FillOrKill,
        }
    }
}

impl From<orders::TimeInForce> for TimeInForce {
    fn from(time: orders::TimeInForce) -> Self {
        match time {
            orders::TimeInForce::Day => TimeInForce::Day,
            orders::TimeInForce::GoodTillCancelled => TimeInForce::GoodTillCancelled,
            orders::TimeInForce::GoodTillDate(date) => TimeInForce::GoodTillDate(date),
            orders::TimeInForce::ImmediateOrCancel => TimeInForce::ImmediateOrCancel,
            orders::TimeInForce::FillOrKill => TimeInForce::FillOrKill,
        }
    }
}

impl From<OrderRequest> for orders::OrderRequest {
    fn from(request: OrderRequest) -> Self {
        orders::OrderRequest {
            instrument: request.instrument,
            side: request.side.into(),
            quantity: request.quantity.into(),
            kind: request.kind.into(),
            time_in_force: request.time_in_force.into(),
            reduce_only: request.reduce_only,
            post_only: request.post_only,
            bracket: request.bracket.map(|bracket| orders::Bracket {
                take_profit: bracket.take_profit.map(Into::into),
                stop_loss: bracket.stop_loss.map(Into::into),
            }),
            tag: request.tag,
        }
    }
}

impl TryFrom<orders::OrderRequest> for OrderRequest {
    type Error = InvalidDecimal;

    fn try_from(request: orders::OrderRequest) -> Result<Self, Self::Error> {
        let bracket = match request.bracket {
            Some(bracket) => Some(Bracket {
                take_profit: optional(bracket.take_profit)?,
                stop_loss: optional(bracket.stop_loss)?,
            }),
            None => None,
        };
        Ok(OrderRequest {
            instrument: request.instrument,
            side: request.side.into(),
            quantity: request.quantity.try_into()?,
            kind: request.kind.try_into()?,
            time_in_force: request.time_in_force.into(),
            reduce_only: request.reduce_only,
            post_only: request.post_only,
            bracket,
            tag: request.tag,
        })
    }
}

impl From<Order> for orders::Order {
    fn from(order: Order) -> Self {
        orders::Order {
            client_order_id: order.client_order_id,
            account: order.account,
            owner: order.owner,
            request: order.request.into(),
        }
    }
}

impl TryFrom<orders::Order> for Order {
    type Error = InvalidDecimal;

    fn try_from(order: orders::Order) -> Result<Self, Self::Error> {
        Ok(Order {
            client_order_id: order.client_order_id,
            account: order.account,
            owner: order.owner,
            request: order.request.try_into()?,
        })
    }
}

impl From<OpenOrder> for orders::OpenOrder {
    fn from(open: OpenOrder) -> Self {
        orders::OpenOrder {
            order: open.order.into(),
            filled: open.filled.into(),
            accepted: open.accepted,
        }
    }
}

impl TryFrom<orders::OpenOrder> for OpenOrder {
    type Error = InvalidDecimal;

    fn try_from(open: orders::OpenOrder) -> Result<Self, Self::Error> {
        Ok(OpenOrder {
            order: open.order.try_into()?,
            filled: open.filled.try_into()?,
            accepted: open.accepted,
        })
    }
}

impl From<Execution> for orders::Execution {
    fn from(execution: Execution) -> Self {
        orders::Execution {
            execution_id: execution.execution_id,
            client_order_id: execution.client_order_id,
            account: execution.account,
            instrument: execution.instrument,
            side: execution.side.into(),
            quantity: execution.quantity.into(),
            price: execution.price.into(),
            fee: execution.fee.into(),
            fee_currency: execution.fee_currency,
            liquidity: match execution.liquidity {
                Liquidity::Maker => orders::Liquidity::Maker,
                Liquidity::Taker => orders::Liquidity::Taker,
                Liquidity::Unknown => orders::Liquidity::Unknown,
            },
            time: execution.time,
        }
    }
}

impl From<CorporateAction> for types::CorporateAction {
    fn from(action: CorporateAction) -> Self {
        types::CorporateAction {
            time: action.time,
            kind: match action.kind {
                ActionKind::Split {
                    numerator,
                    denominator,
                } => types::CorporateActionKind::Split(types::Split {
                    numerator,
                    denominator,
                }),
                ActionKind::Dividend(cash) => types::CorporateActionKind::Dividend(cash.into()),
                ActionKind::Other { code, text } => types::CorporateActionKind::Other((code, text)),
            },
        }
    }
}

impl TryFrom<types::CorporateAction> for CorporateAction {
    type Error = InvalidDecimal;

    fn try_from(action: types::CorporateAction) -> Result<Self, Self::Error> {
        Ok(CorporateAction {
            time: action.time,
            kind: match action.kind {
                types::CorporateActionKind::Split(split) => ActionKind::Split {
                    numerator: split.numerator,
                    denominator: split.denominator,
                },
                types::CorporateActionKind::Dividend(cash) => {
                    ActionKind::Dividend(cash.try_into()?)
                }
                types::CorporateActionKind::Other((code, text)) => ActionKind::Other { code, text },
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_crosses_the_boundary_unchanged() {
        let price = Decimal::new(12_345, 2);
        let kinds = [
            OrderKind::Market,
            OrderKind::Limit(price),
            OrderKind::Stop(price),
            OrderKind::StopLimit {
                stop: price,
                limit: price - Decimal::ONE,
            },
            OrderKind::TrailingStop(Trail::Amount(price)),
            OrderKind::TrailingStop(Trail::Fraction(Decimal::new(5, 2))),
        ];
        let times = [
            TimeInForce::Day,
            TimeInForce::GoodTillCancelled,
            TimeInForce::GoodTillDate(7),
            TimeInForce::ImmediateOrCancel,
            TimeInForce::FillOrKill,
        ];
        for kind in kinds {
            for time_in_force in times {
                let open = OpenOrder {
                    order: Order {
                        client_order_id: "a-1".into(),
                        account: "main".into(),
                        owner: "me".into(),
                        request: OrderRequest {
                            kind,
                            time_in_force,
                            reduce_only: true,
                            post_only: true,
                            bracket: Some(Bracket {
                                take_profit: Some(price),
                                stop_loss: None,
                            }),
                            tag: "why".into(),
                            ..OrderRequest::market(3, Side::Sell, Decimal::TEN)
                        },
                    },
                    filled: Decimal::TWO,
                    accepted: 9,
                };
                let wire = orders::OpenOrder::from(open.clone());
                assert_eq!(OpenOrder::try_from(wire).unwrap(), open);
            }
        }
    }

    #[test]
    fn a_decimal_out_of_bounds_refuses_the_whole_order() {
        let mut wire = orders::OrderRequest::from(OrderRequest::market(1, Side::Buy, Decimal::ONE));
        wire.quantity.scale = 200;
        assert_eq!(OrderRequest::try_from(wire), Err(InvalidDecimal));
    }

    #[test]
    fn corporate_actions_cross_the_boundary_unchanged() {
        for kind in [
            ActionKind::Split {
                numerator: 7,
                denominator: 1,
            },
            ActionKind::Dividend(Decimal::new(265, 2)),
            ActionKind::Other {
                code: "SPIN".into(),
                text: "a spin-off".into(),
            },
        ] {
            let action = CorporateAction { time: 5, kind };
            let wire = types::CorporateAction::from(action.clone());
            assert_eq!(CorporateAction::try_from(wire).unwrap(), action);
        }
    }
}

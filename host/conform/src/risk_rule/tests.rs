//! A rule that keeps every rule, and the same with one thing wrong at a time: each fails the check that is
//! about it, and no other.

use super::quick;
use super::seam::Judge;
use super::whole;
use crate::check::{Check, Outcome, Suite};
use bulkhead_domain::order::{Order, OrderKind, OrderRequest, Side, TimeInForce};
use bulkhead_domain::risk::{Denial, Portfolio, Position, ProtectiveAction, RiskContext, Verdict};
use bulkhead_domain::{Decimal, Instrument, Refusal, Value};
use bulkhead_sandbox::{CallError, Cause, PluginError};

/// What can be wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    ApprovesNoNumber,
    ApprovesWithoutEquity,
    ApprovesNegativePrices,
    ApprovesMissingFeatures,
    ApprovesMissingFields,
    ApprovesUnknownInstruments,
    ApprovesUnpricedHoldings,
    ApprovesNegativeQuantities,
    ApprovesNothing,
    Enlarges,
    TrapsOnOverflow,
    TrapsOnCrowds,
    NumbersItsCodes,
    SaysNoLimit,
    TiresOfAnOrder,
    ReviewsOnce,
    ForgetsItsOrders,
    RoundsNothing,
    CancelsOthers,
    TrustsAnyTag,
    RestoresNothing,
}

const TAG: &str = "native";

struct Native {
    wrong: Option<Wrong>,
    instruments: Vec<Instrument>,
    last: Option<String>,
    /// Reviews so far, which entries to come are bounded by: what a snapshot has to keep.
    reviews: u64,
}

fn trap<T>(message: &str) -> Result<T, CallError> {
    Err(CallError::Failed(PluginError {
        plugin: "native".to_owned(),
        version: "0.1.0".to_owned(),
        function: "assess",
        cause: Cause::Panicked {
            message: message.to_owned(),
        },
        backtrace: Vec::new(),
    }))
}

fn invalid<T>(what: &str) -> Result<T, CallError> {
    Err(CallError::Refused {
        plugin: "native".to_owned(),
        refusal: Refusal::InvalidInput(what.to_owned()),
    })
}

impl Native {
    fn is(&self, wrong: Wrong) -> bool {
        self.wrong == Some(wrong)
    }

    fn deny(&self, code: &str, observed: impl ToString) -> Verdict {
        let code = if self.is(Wrong::NumbersItsCodes) {
            let id = self.last.clone().unwrap_or_default();
            format!("{code}_{}", id.to_uppercase().replace('-', "_"))
        } else {
            code.to_owned()
        };
        let limit = if self.is(Wrong::SaysNoLimit) {
            ""
        } else {
            "what is configured"
        };
        Verdict::Reject(Denial {
            code,
            observed: observed.to_string(),
            limit: limit.to_owned(),
            text: String::new(),
        })
    }

    fn doubts(&self, context: &RiskContext) -> Option<&'static str> {
        let confidence = context.confidence.unwrap_or(0.6);
        let sure = if self.is(Wrong::ApprovesNoNumber) {
            !(confidence < 0.5 || context.confidence.is_none())
        } else {
            context.confidence.is_some() && (0.5..=1.0).contains(&confidence)
        };
        if !sure {
            return Some("CONFIDENCE");
        }
        let feature = context.features.iter().find(|one| one.0 == "volatility_20");
        match feature {
            None if self.is(Wrong::ApprovesMissingFeatures) => {}
            Some((_, value)) if (0.0..0.05).contains(value) => {}
            _ => return Some("VOLATILITY"),
        }
        let field = (context.extra.iter()).find(|one| one.0 == "owner.consecutive-losses");
        match field.map(|(_, value)| value) {
            None if self.is(Wrong::ApprovesMissingFields) => None,
            Some(Value::Integer(losses)) if (0..3).contains(losses) => None,
            _ => Some("LOSSES"),
        }
    }

    /// Money in holdings; nothing where a price is missing.
    fn exposure(&self, portfolio: &Portfolio) -> Option<Decimal> {
        let mut sum = Decimal::ZERO;
        for held in &portfolio.positions {
            let price = match held.market_price {
                None if self.is(Wrong::ApprovesUnpricedHoldings) => Decimal::ZERO,
                price => price?,
            };
            sum = sum.checked_add(held.quantity.abs().checked_mul(price)?)?;
        }
        Some(sum)
    }
}

impl Judge for Native {
    fn assess(
        &mut self,
        order: &Order,
        context: &RiskContext,
        portfolio: &Portfolio,
    ) -> Result<Verdict, CallError> {
        let id = Some(order.client_order_id.clone());
        if self.is(Wrong::TiresOfAnOrder) && self.last == id {
            return Ok(self.deny("AGAIN", &order.client_order_id));
        }
        self.last = id;
        let request = &order.request;
        if self.is(Wrong::ApprovesNothing) {
            return Ok(self.deny("NEVER", request.quantity));
        }
        if self.is(Wrong::TrapsOnCrowds) && portfolio.positions.len() > 1_000 {
            return trap("too many positions");
        }
        if request.quantity <= Decimal::ZERO && !self.is(Wrong::ApprovesNegativeQuantities) {
            return invalid("quantity");
        }
        if context.reference_price <= Decimal::ZERO && !self.is(Wrong::ApprovesNegativePrices)
            || context.multiplier <= Decimal::ZERO && !self.is(Wrong::ApprovesNegativePrices)
        {
            return invalid("price");
        }
        // Only a restored rule that knows how often it reviewed judges the same.
        if self.reviews > 130 {
            return Ok(self.deny("TIRED", request.quantity));
        }
        if self.is(Wrong::TrapsOnOverflow) && portfolio.cash == Decimal::MIN {
            return trap("attempt to subtract with overflow");
        }
        let listed = self
            .instruments
            .iter()
            .find(|one| one.handle == request.instrument);
        match listed {
            None if self.is(Wrong::ApprovesUnknownInstruments) => {}
            Some(listed) if listed.symbol != "SPLIT" => {}
            _ => return Ok(self.deny("RESTRICTED", request.instrument)),
        }
        if let Some(code) = self.doubts(context) {
            return Ok(self.deny(code, "something else"));
        }
        let unit = context.reference_price.checked_mul(context.multiplier);
        let notional = unit.and_then(|unit| unit.checked_mul(request.quantity));
        let (Some(exposure), Some(notional)) = (self.exposure(portfolio), notional) else {
            return invalid("out of range");
        };
        let Some(all) = exposure.checked_add(notional) else {
            return invalid("out of range");
        };
        let equity = if portfolio.equity <= Decimal::ZERO && self.is(Wrong::ApprovesWithoutEquity) {
            Decimal::from(1_000_000)
        } else {
            portfolio.equity
        };
        let Some(allowed) = equity.checked_mul(Decimal::TWO) else {
            return invalid("out of range");
        };
        if all > allowed || allowed.is_zero() {
            return Ok(self.deny("EXPOSURE", all));
        }
        if self.is(Wrong::Enlarges) && notional > Decimal::from(5_000) {
            let Verdict::Reject(denial) = self.deny("SMALL", notional) else {
                return Ok(Verdict::Approve);
            };
            return Ok(Verdict::ReduceTo(request.quantity + Decimal::ONE, denial));
        }
        Ok(Verdict::Approve)
    }

    fn review(&mut self, portfolio: &Portfolio) -> Result<Vec<ProtectiveAction>, CallError> {
        self.reviews += 1;
        if self.is(Wrong::ReviewsOnce) && self.reviews > 1 {
            return Ok(Vec::new());
        }
        let mut actions = Vec::new();
        if self.is(Wrong::CancelsOthers) {
            let others = portfolio
                .open_orders
                .iter()
                .filter(|open| open.order.request.reduce_only && open.order.request.tag != TAG);
            let ids = others.map(|open| open.order.client_order_id.clone());
            actions.extend(ids.map(ProtectiveAction::Cancel));
        }
        for held in &portfolio.positions {
            let protects = portfolio.open_orders.iter().any(|open| {
                let request = &open.order.request;
                let tagged = if self.is(Wrong::TrustsAnyTag) {
                    request.tag.ends_with(TAG)
                } else {
                    request.tag == TAG
                };
                tagged && open.order.owner == held.owner && request.instrument == held.instrument
            });
            if !held.quantity.is_zero() && (!protects || self.is(Wrong::ForgetsItsOrders)) {
                actions.extend(self.stop(held));
            }
        }
        Ok(actions)
    }

    fn save(&mut self) -> Option<Result<Vec<u8>, String>> {
        Some(Ok(self.reviews.to_le_bytes().to_vec()))
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), String> {
        let bytes = state.try_into().map_err(|_| "not eight bytes".to_owned())?;
        if !self.is(Wrong::RestoresNothing) {
            self.reviews = u64::from_le_bytes(bytes);
        }
        Ok(())
    }
}

impl Native {
    fn stop(&self, held: &Position) -> Option<ProtectiveAction> {
        let tick = self
            .instruments
            .iter()
            .find(|one| one.handle == held.instrument)?
            .tick;
        let side = if held.quantity > Decimal::ZERO {
            Side::Sell
        } else {
            Side::Buy
        };
        let price = held.average_price.checked_mul(Decimal::new(9, 1))?;
        let price = if self.is(Wrong::RoundsNothing) {
            price
        } else {
            price.checked_div(tick)?.trunc().checked_mul(tick)?
        };
        Some(ProtectiveAction::Place {
            owner: held.owner.clone(),
            request: OrderRequest {
                kind: OrderKind::Stop(price),
                time_in_force: TimeInForce::GoodTillCancelled,
                reduce_only: true,
                tag: TAG.to_owned(),
                ..OrderRequest::market(held.instrument, side, held.quantity.abs())
            },
        })
    }
}

fn suite(wrong: Option<Wrong>) -> Vec<Check> {
    let make = |instruments: &[Instrument]| -> Result<Box<dyn Judge>, String> {
        Ok(Box::new(Native {
            wrong,
            instruments: instruments.to_vec(),
            last: None,
            reviews: 0,
        }))
    };
    let mut unheard = |_: &Check| {};
    let mut suite = Suite::new(&mut unheard);
    quick(&make, 1, &mut suite);
    whole::check(&make, 1, &mut suite);
    suite.into_checks()
}

#[test]
fn a_rule_that_keeps_every_rule_passes_every_check() {
    let checks = suite(None);
    let not_passed: Vec<&Check> = (checks.iter())
        .filter(|check| check.outcome != Outcome::Passed)
        .collect();
    assert!(not_passed.is_empty(), "{not_passed:#?}");
    // What is about fuel and memory needs a component.
    let rules = crate::RULES.iter();
    let risk = rules.filter(|rule| rule.number.starts_with("RISK-"));
    assert_eq!(checks.len() + 1, risk.count());
}

#[test]
fn a_rule_with_one_thing_wrong_fails_the_check_about_it_and_no_other() {
    for (wrong, number, told) in [
        (
            Wrong::ApprovesNoNumber,
            "RISK-07",
            "a confidence of no number",
        ),
        (Wrong::ApprovesWithoutEquity, "RISK-06", "equity of 0"),
        (Wrong::ApprovesNegativePrices, "RISK-05", "a price of 0"),
        (
            Wrong::ApprovesMissingFeatures,
            "RISK-08",
            "no volatility_20",
        ),
        (
            Wrong::ApprovesMissingFields,
            "RISK-09",
            "no owner.consecutive-losses",
        ),
        (
            Wrong::ApprovesUnknownInstruments,
            "RISK-10",
            "an unknown instrument",
        ),
        (
            Wrong::ApprovesUnpricedHoldings,
            "RISK-11",
            "a holding without a price",
        ),
        (
            Wrong::ApprovesNegativeQuantities,
            "RISK-12",
            "a quantity of 0",
        ),
        (Wrong::ApprovesNothing, "RISK-04", "NEVER"),
        (Wrong::Enlarges, "RISK-02", "was reduced to"),
        (Wrong::TrapsOnOverflow, "RISK-13", "overflow"),
        (Wrong::TrapsOnCrowds, "RISK-14", "too many positions"),
        (
            Wrong::NumbersItsCodes,
            "RISK-15",
            "codes, which nobody can act upon",
        ),
        (
            Wrong::SaysNoLimit,
            "RISK-15",
            "does not say what the limit is",
        ),
        (Wrong::TiresOfAnOrder, "RISK-16", "asked again"),
        (Wrong::ReviewsOnce, "RISK-17", "asked again"),
        (
            Wrong::ForgetsItsOrders,
            "RISK-18",
            "with its proposals done",
        ),
        (Wrong::RoundsNothing, "RISK-19", "no multiple of the tick"),
        (Wrong::CancelsOthers, "RISK-20", "another's exit"),
        (Wrong::TrustsAnyTag, "RISK-23", "`owner:` and its own"),
        (Wrong::RestoresNothing, "RISK-21", "differs"),
    ] {
        let checks = suite(Some(wrong));
        let failed: Vec<(&str, &str)> = (checks.iter())
            .filter(|check| check.outcome == Outcome::Failed)
            .map(|check| (check.rule.number, check.detail.as_str()))
            .collect();
        assert!(
            matches!(&failed[..], [(one, detail)] if *one == number && detail.contains(told)),
            "{wrong:?}: {failed:#?}"
        );
    }
}

//! Cuts entries to a share of equity: per instrument, per sector, and among correlated holdings.
//!
//! Whatever share is not set does not count, and the tightest of the others does. Orders are cut to what
//! fits, in whole lots towards zero, and refused where nothing is left.
//!
//! | share | what may be at most that part of equity | code |
//! | --- | --- | --- |
//! | `max-instrument` | the order's instrument | `INSTRUMENT_ABOVE_SHARE` |
//! | `max-sector` | all instruments of its sector | `SECTOR_ABOVE_SHARE` |
//! | `max-correlated` | it, and every other holding times its absolute correlation with it | `CORRELATED_ABOVE_SHARE` |
//!
//! Money in an instrument is units times price times multiplier, long or short alike. The order's own counts
//! with what is held on its side, all owners, with the working orders on that side and with the order. Any
//! other counts at the larger end that its working orders could bring its net position to, at the price of
//! the position or that of the last order judged in it, or at a worse one that a working order names.
//!
//! `sectors` maps symbols to sectors; a symbol that is not mapped is a sector of its own. Correlations are
//! the host's, `correlation.SYMBOL`: of daily log returns. Those up to `min-correlation` in magnitude do not
//! count. One that is not there counts as 1, which is what two shares do in a crash.
//!
//! What cannot be judged is refused: without a price of another holding (`MISSING_PRICE`), with a correlation
//! that is none (`INVALID_CORRELATION`), with equity that is not above zero (`EQUITY_NOT_POSITIVE`). The last
//! reference prices are the state that moves to another instance.

mod config;
mod holdings;

pub use config::Config;

use bulkhead_rule_common::context::{extra, unit_value};
use bulkhead_rule_common::{
    Entry, Listings, Prices, Whose, denial, dividing, minus, plus, share, text, times,
};
use bulkhead_sdk::number::from_f64;
use bulkhead_sdk::order::Order;
use bulkhead_sdk::risk_rule::{Context, Denial, Error, Portfolio, RiskRule, Verdict};
use bulkhead_sdk::snapshot::Snapshot;
use bulkhead_sdk::{Decimal, Instrument, InstrumentHandle};
use config::Shares;
use holdings::{Holding, Holdings};

/// The rule.
pub struct Concentration {
    shares: Shares,
    listings: Listings,
    prices: Prices,
}

/// Money in one part of the account.
struct Part {
    code: &'static str,
    what: String,
    /// Most of it as a share of equity.
    most: Decimal,
    /// Money in it beside the order's own instrument.
    others: Decimal,
}

/// What is judged.
struct Case<'a> {
    context: &'a Context,
    holdings: &'a [Holding],
    instrument: InstrumentHandle,
}

impl Concentration {
    /// The name of an instrument's sector.
    fn sector(&self, instrument: InstrumentHandle) -> String {
        let Some(symbol) = self.listings.symbol(instrument) else {
            return format!("instrument {instrument}");
        };
        match self.shares.sectors.get(symbol) {
            Some(sector) => format!("sector {sector}"),
            // The two names differ in their first word, so no symbol is taken for a sector.
            None => format!("symbol {symbol}"),
        }
    }

    /// The parts of the account that the order would add to, or why they are not known.
    fn parts(&self, case: &Case<'_>) -> Result<Result<Vec<Part>, Denial>, Error> {
        let mut parts = Vec::new();
        if let Some(most) = self.shares.instrument {
            parts.push(Part {
                code: "INSTRUMENT_ABOVE_SHARE",
                what: "the instrument".to_owned(),
                most,
                others: Decimal::ZERO,
            });
        }
        if let Some(most) = self.shares.sector {
            let own = self.sector(case.instrument);
            let mut others = Decimal::ZERO;
            for holding in case.holdings {
                if self.sector(holding.instrument) == own {
                    others = plus(others, holding.money)?;
                }
            }
            parts.push(Part {
                code: "SECTOR_ABOVE_SHARE",
                what: own,
                most,
                others,
            });
        }
        if let Some(most) = self.shares.correlated {
            let mut others = Decimal::ZERO;
            for holding in case.holdings {
                match self.correlation(case.context, holding.instrument) {
                    Ok(weight) if weight > self.shares.min_correlation => {
                        others = plus(others, times(holding.money, weight)?)?;
                    }
                    Ok(_) => {}
                    Err(why) => return Ok(Err(why)),
                }
            }
            parts.push(Part {
                code: "CORRELATED_ABOVE_SHARE",
                what: "correlated holdings".to_owned(),
                most,
                others,
            });
        }
        Ok(Ok(parts))
    }

    /// Magnitude of the correlation with another instrument; 1 where it is not known.
    fn correlation(&self, context: &Context, with: InstrumentHandle) -> Result<Decimal, Denial> {
        let Some(symbol) = self.listings.symbol(with) else {
            return Ok(Decimal::ONE);
        };
        let name = format!("correlation.{symbol}");
        let Some(value) = extra(context, &name) else {
            return Ok(Decimal::ONE);
        };
        // Rounding may carry a correlation a little past 1.
        value
            .as_real()
            .filter(|value| value.abs() <= 1.0 + 1e-9)
            .and_then(from_f64)
            .map(|value| value.abs().min(Decimal::ONE))
            .ok_or_else(|| {
                denial(
                    "INVALID_CORRELATION",
                    format!("{value:?}"),
                    "from -1 to 1",
                    name,
                )
            })
    }
}

impl RiskRule for Concentration {
    type Config = Config;

    fn new(config: Config, instruments: &[Instrument]) -> Result<Self, String> {
        Ok(Concentration {
            shares: Shares::new(config)?,
            listings: Listings::new(instruments),
            prices: Prices::default(),
        })
    }

    fn assess(
        &mut self,
        order: &Order,
        context: &Context,
        portfolio: &Portfolio,
    ) -> Result<Verdict, Error> {
        let unit = unit_value(context)?;
        let instrument = order.request.instrument;
        self.prices.note(instrument, context.reference_price);
        let Some(entry) = Entry::of(order, portfolio, Whose::Account)? else {
            return Ok(Verdict::Approve);
        };
        if portfolio.equity <= Decimal::ZERO {
            return Ok(entry.withhold(denial(
                "EQUITY_NOT_POSITIVE",
                text(portfolio.equity),
                "above 0",
                "there is nothing to take a share of",
            )));
        }
        let holdings = Holdings {
            portfolio,
            listings: &self.listings,
            prices: &self.prices,
        };
        let holdings = if self.shares.of_others() {
            match holdings.beside(order)? {
                Ok(holdings) => holdings,
                Err(why) => return Ok(entry.withhold(why)),
            }
        } else {
            Vec::new()
        };
        let case = Case {
            context,
            holdings: &holdings,
            instrument,
        };
        let parts = match self.parts(&case)? {
            Ok(parts) => parts,
            Err(why) => return Ok(entry.withhold(why)),
        };
        let base = entry.base()?;
        let own = times(plus(base, entry.opening)?, unit)?;
        let mut tightest: Option<(Decimal, Denial)> = None;
        for part in parts {
            let allowed = times(part.most, portfolio.equity)?;
            let after = plus(part.others, own)?;
            if after <= allowed {
                continue;
            }
            let room = minus(dividing(minus(allowed, part.others)?, unit)?, base)?;
            if tightest.as_ref().is_none_or(|(least, _)| room < *least) {
                let why = denial(
                    part.code,
                    share(dividing(after, portfolio.equity)?),
                    share(part.most),
                    format!(
                        "{}, as a share of equity, working orders included",
                        part.what
                    ),
                );
                tightest = Some((room, why));
            }
        }
        match tightest {
            None => Ok(Verdict::Approve),
            Some((room, why)) => entry.cut(room, self.listings.lot(instrument), why),
        }
    }
}

impl Snapshot for Concentration {
    fn save(&self) -> Result<Vec<u8>, String> {
        self.prices.save()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), String> {
        self.prices = Prices::restored(state)?;
        Ok(())
    }
}

bulkhead_sdk::export!(risk_rule: Concentration, snapshot);

#[cfg(test)]
mod tests;

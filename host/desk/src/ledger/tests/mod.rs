//! Books kept by hand beside those of the ledger.

mod money;
mod positions;
mod properties;

use super::{CostBasis, Currency, Ledger, LedgerConfig};
use bulkhead_domain::Decimal;
use bulkhead_domain::order::{Execution, InstrumentHandle, Liquidity, Nanos, Side};

pub(crate) fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

pub(crate) fn currency(code: &str) -> Currency {
    Currency::new(code).unwrap()
}

/// Books in US dollars.
pub(crate) fn books(basis: CostBasis, capital: &str) -> Ledger {
    let config = LedgerConfig {
        base: currency("USD"),
        basis,
    };
    Ledger::open_with(config, dec(capital), 0).unwrap()
}

/// A fill of whole units with a fee in US dollars.
pub(crate) fn fill(
    instrument: InstrumentHandle,
    side: Side,
    quantity: &str,
    price: &str,
    fee: &str,
    time: Nanos,
) -> Execution {
    Execution {
        execution_id: format!("x-{time}"),
        client_order_id: String::new(),
        account: String::new(),
        instrument,
        side,
        quantity: dec(quantity),
        price: dec(price),
        fee: dec(fee),
        fee_currency: "USD".to_owned(),
        liquidity: Liquidity::Taker,
        time,
    }
}

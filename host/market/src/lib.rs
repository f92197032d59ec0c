//! bulkhead-market

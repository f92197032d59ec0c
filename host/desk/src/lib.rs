//! bulkhead-desk

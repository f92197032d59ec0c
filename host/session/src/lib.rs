//! bulkhead-session

//! bulkhead-registry

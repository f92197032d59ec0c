//! bulkhead-manifest

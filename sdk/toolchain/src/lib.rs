//! bulkhead-toolchain

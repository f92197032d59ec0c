//! bulkhead-orchestrator

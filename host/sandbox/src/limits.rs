//! Every limit of the sandbox, in one table.
//!
//! A plugin's manifest may ask for other values of some; what it gets is the smaller of the ask and
//! [`CEILING`]. The limits are enforced by the engine (fuel, epochs, stack, handles, bytes), by the store's
//! limiter (memory, tables) and at the host's side of every import (calls, time, log lines).

use bulkhead_manifest::{Kind, Limits as Requested};
use std::time::Duration;

/// Length of one epoch tick: the resolution of wall-clock limits inside a guest.
pub const EPOCH_TICK: Duration = Duration::from_millis(1);

/// How long a guest computes before it is looked at: whether its call must end; and on the I/O engine before
/// other tasks of its thread get their turn.
pub const TURN: Duration = Duration::from_millis(10);

/// Largest component that is loaded, bytes.
pub const COMPONENT_BYTES: u64 = 64 << 20;

/// Largest stack a guest may use, bytes.
pub const STACK_BYTES: usize = 1 << 20;

/// Most instances alive at once, over all plugins of one engine.
pub const POOL_INSTANCES: u32 = 256;

/// Most bytes one `files.read` call returns.
pub const READ_BYTES: u32 = 1 << 20;

/// Most rows one `history` call returns.
pub const HISTORY_ROWS: u32 = 100_000;

/// Most bytes one draw of randomness returns.
pub const RANDOM_BYTES: u32 = 64 << 10;

/// Most bytes kept of what a guest prints through WASI during one outer call.
pub const OUTPUT_BYTES: usize = 64 << 10;

/// Longest line of a guest's that is kept (log, panic, refusal, reason), bytes; the rest is cut.
pub const LINE_BYTES: usize = 4096;

/// Elements of one table; what the engine reserves for each.
pub const TABLE_ELEMENTS: usize = 10_000;

/// What one instance of a plugin may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory, bytes, all memories of the instance together.
    pub memory_bytes: usize,
    /// Elements of one table.
    pub table_elements: usize,
    /// Live resource handles.
    pub handles: usize,
    /// Fuel of one outer call: about one unit an instruction. Compute engine only.
    pub fuel: u64,
    /// Wall-clock time of one outer call.
    pub wall: Duration,
    /// Calls from the guest into the host during one outer call, those of WASI included.
    pub host_calls: u64,
    /// Time spent inside the host on the guest's behalf during one outer call.
    pub host_time: Duration,
    /// Bytes that one call into the host, or the result of the outer call, may carry to the host.
    pub result_bytes: usize,
    /// Log lines of one outer call that are kept; more are counted and dropped.
    pub log_lines: u64,
}

const MIB: usize = 1 << 20;

/// What a manifest may ask for at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ceiling {
    /// As [`Limits::memory_bytes`].
    pub memory_bytes: usize,
    /// As [`Limits::fuel`].
    pub fuel: u64,
    /// As [`Limits::wall`].
    pub wall: Duration,
    /// As [`Limits::result_bytes`].
    pub result_bytes: usize,
}

/// What no manifest can exceed. What is not named here, no manifest can change.
pub const CEILING: Ceiling = Ceiling {
    memory_bytes: 1024 * MIB,
    fuel: 2_000_000_000_000,
    wall: Duration::from_secs(900),
    result_bytes: 256 * MIB,
};

const BASE: Limits = Limits {
    memory_bytes: 64 * MIB,
    table_elements: TABLE_ELEMENTS,
    handles: 10_000,
    fuel: 1_000_000_000,
    wall: Duration::from_secs(10),
    host_calls: 10_000,
    host_time: Duration::from_secs(2),
    result_bytes: MIB,
    log_lines: 100,
};

impl Limits {
    /// The limits of a kind when its manifest asks for nothing.
    #[must_use]
    pub fn of(kind: Kind) -> Limits {
        match kind {
            Kind::Strategy | Kind::RiskRule => BASE,
            // The book of a simulated broker grows with its orders.
            Kind::Broker => Limits {
                memory_bytes: 256 * MIB,
                result_bytes: 16 * MIB,
                ..BASE
            },
            // Learning is long and carries a training set.
            Kind::Model => Limits {
                memory_bytes: 512 * MIB,
                fuel: 500_000_000_000,
                wall: Duration::from_secs(300),
                host_calls: 100_000,
                result_bytes: 64 * MIB,
                ..BASE
            },
            Kind::DataSource => Limits {
                memory_bytes: 128 * MIB,
                wall: Duration::from_secs(30),
                host_time: Duration::from_secs(20),
                result_bytes: 32 * MIB,
                ..BASE
            },
            Kind::AiProvider => Limits {
                wall: Duration::from_secs(120),
                result_bytes: 8 * MIB,
                ..BASE
            },
        }
    }

    /// The limits of a kind with a manifest's wishes, none above [`CEILING`].
    #[must_use]
    pub fn granted(kind: Kind, requested: &Requested) -> Limits {
        let base = Limits::of(kind);
        let memory = requested
            .memory_mib
            .map_or(base.memory_bytes, |mib| (mib as usize).saturating_mul(MIB));
        let wall = requested
            .timeout_ms
            .map_or(base.wall, Duration::from_millis);
        let result = requested
            .result_kib
            .map_or(base.result_bytes, |kib| (kib as usize).saturating_mul(1024));
        Limits {
            memory_bytes: memory.min(CEILING.memory_bytes),
            fuel: requested.fuel.unwrap_or(base.fuel).min(CEILING.fuel),
            wall: wall.min(CEILING.wall),
            result_bytes: result.min(CEILING.result_bytes),
            ..base
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_cannot_ask_for_more_than_the_ceiling() {
        let greedy = Requested {
            memory_mib: Some(u32::MAX),
            fuel: Some(u64::MAX),
            timeout_ms: Some(u64::MAX),
            result_kib: Some(u32::MAX),
        };
        let granted = Limits::granted(Kind::Strategy, &greedy);
        let capped = Limits {
            memory_bytes: CEILING.memory_bytes,
            fuel: CEILING.fuel,
            wall: CEILING.wall,
            result_bytes: CEILING.result_bytes,
            ..Limits::of(Kind::Strategy)
        };
        assert_eq!(granted, capped);
    }

    #[test]
    fn a_manifest_gets_what_it_asks_for_below_the_ceiling() {
        let modest = Requested {
            memory_mib: Some(3),
            fuel: Some(5),
            timeout_ms: Some(7),
            result_kib: Some(11),
        };
        let granted = Limits::granted(Kind::Model, &modest);
        let asked = Limits {
            memory_bytes: 3 << 20,
            fuel: 5,
            wall: Duration::from_millis(7),
            result_bytes: 11 << 10,
            ..Limits::of(Kind::Model)
        };
        assert_eq!(granted, asked);
    }

    #[test]
    fn no_kind_starts_above_the_ceiling() {
        for kind in Kind::ALL {
            let base = Limits::of(kind);
            assert!(base.memory_bytes <= CEILING.memory_bytes, "{kind}");
            assert!(base.fuel <= CEILING.fuel, "{kind}");
            assert!(base.wall <= CEILING.wall, "{kind}");
            assert!(base.result_bytes <= CEILING.result_bytes, "{kind}");
        }
    }

    #[test]
    fn a_manifest_that_asks_for_nothing_gets_its_kinds_limits() {
        assert_eq!(
            Limits::granted(Kind::Model, &Requested::default()),
            Limits::of(Kind::Model)
        );
    }
}

//! Generated bindings of the contract. The two engines get separate bindings (synchronous for compute,
//! asynchronous for I/O) that share every type and every host import through `common`.

#![expect(unreachable_pub, reason = "generated code")]

/// Types and host imports, shared by all worlds.
pub mod common {
    wasmtime::component::bindgen!({
        path: "../../wit",
        inline: "
            package bulkhead:host;
            world everything {
                import bulkhead:plugin/types@0.1.0;
                import bulkhead:plugin/orders@0.1.0;
                import bulkhead:plugin/log@0.1.0;
                import bulkhead:plugin/random@0.1.0;
                import bulkhead:plugin/clock@0.1.0;
                import bulkhead:plugin/files@0.1.0;
                import bulkhead:plugin/progress@0.1.0;
                import bulkhead:plugin/history@0.1.0;
                import bulkhead:plugin/bars@0.1.0;
            }
        ",
        world: "bulkhead:host/everything",
        imports: { default: trappable },
    });
    pub use bulkhead::plugin::{bars, clock, files, history, log, orders, progress, random, types};
}

/// A world of a kind: every kind is given types, log and randomness, some are given more.
macro_rules! world {
    ($module:ident, $world:literal, with: { $($with:tt)* } $(, $($options:tt)*)?) => {
        pub mod $module {
            wasmtime::component::bindgen!({
                path: "../../wit",
                world: $world,
                imports: { default: trappable },
                with: {
                    "bulkhead:plugin/types": crate::bindings::common::types,
                    "bulkhead:plugin/log": crate::bindings::common::log,
                    "bulkhead:plugin/random": crate::bindings::common::random,
                    $($with)*
                },
                $($($options)*)?
            });
        }
    };
}

world!(strategy, "strategy-plugin", with: {
    "bulkhead:plugin/orders": crate::bindings::common::orders,
    "bulkhead:plugin/history": crate::bindings::common::history,
});

world!(model, "model-plugin", with: {
    "bulkhead:plugin/progress": crate::bindings::common::progress,
});

world!(risk_rule, "risk-rule-plugin", with: {
    "bulkhead:plugin/orders": crate::bindings::common::orders,
});

world!(simulated_broker, "simulated-broker-plugin", with: {
    "bulkhead:plugin/orders": crate::bindings::common::orders,
});

world!(data_source, "data-source-plugin", with: {
    "bulkhead:plugin/clock": crate::bindings::common::clock,
    "bulkhead:plugin/files": crate::bindings::common::files,
}, exports: { default: async });

world!(ai_provider, "ai-provider-plugin", with: {
    "bulkhead:plugin/clock": crate::bindings::common::clock,
}, exports: { default: async });

/// The optional state of a configured plugin, or of a strategy's one live instance.
pub mod snapshot {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "with-snapshot",
    });
}

/// The optional whole-series form of a strategy.
pub mod vectorised {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "with-vectorised",
        with: {
            "bulkhead:plugin/types": crate::bindings::common::types,
        },
    });
}

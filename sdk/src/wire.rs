//! Bindings generated from the contract in `wit/`, one module an exported interface.
//!
//! Authors rarely meet this module: the traits of the kinds take the plain types beside it. What is already
//! plain here is re-exported there. All share [`common`], so a bar is one Rust type everywhere, and
//! that type is the venue's.
//!
//! A plugin's world is put together from these pieces by the `export!` macro; the build tool leaves out
//! every import that the plugin does not call.

#![expect(
    missing_docs,
    reason = "generated; the contract documents every item, and enum cases speak for themselves"
)]

/// What all of them share: the plain types, the order vocabulary and the imports.
pub mod common {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package bulkhead:sdk;
            world shared {
                import bulkhead:plugin/types@0.1.0;
                import bulkhead:plugin/orders@0.1.0;
                import bulkhead:plugin/log@0.1.0;
                import bulkhead:plugin/random@0.1.0;
                import bulkhead:plugin/clock@0.1.0;
                import bulkhead:plugin/files@0.1.0;
                import bulkhead:plugin/progress@0.1.0;
                import bulkhead:plugin/history@0.1.0;
            }
        ",
        generate_all,
        generate_unused_types: true,
        additional_derives: [PartialEq],
        with: { "bulkhead:plugin/types@0.1.0/bar": ::bulkhead_venue::order::Bar },
    });
}

pub use common::bulkhead::plugin::{clock, files, history, log, orders, progress, random, types};

/// Taking the configuration: every kind but strategies.
pub mod lifecycle {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package bulkhead:sdk;
            world lifecycle-exports {
                export bulkhead:plugin/lifecycle@0.1.0;
            }
        ",
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "bulkhead_sdk::wire::lifecycle",
        additional_derives: [PartialEq],
        with: {
            "bulkhead:plugin/types@0.1.0": super::common::bulkhead::plugin::types,
        },
    });
}

/// Strategies, which can be called for each bar or take their bars themselves.
pub mod strategy {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package bulkhead:sdk;
            world strategy-exports {
                import bulkhead:plugin/bars@0.1.0;
                export bulkhead:plugin/strategy@0.1.0;
                export bulkhead:plugin/pulled@0.1.0;
            }
        ",
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "bulkhead_sdk::wire::strategy",
        additional_derives: [PartialEq],
        with: {
            "bulkhead:plugin/types@0.1.0": super::common::bulkhead::plugin::types,
            "bulkhead:plugin/orders@0.1.0": super::common::bulkhead::plugin::orders,
            "bulkhead:plugin/types@0.1.0/bar": ::bulkhead_venue::order::Bar,
        },
    });
}

/// Risk rules.
pub mod risk_rule {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package bulkhead:sdk;
            world risk-rule-exports {
                export bulkhead:plugin/risk-rule@0.1.0;
            }
        ",
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "bulkhead_sdk::wire::risk_rule",
        additional_derives: [PartialEq],
        with: {
            "bulkhead:plugin/types@0.1.0": super::common::bulkhead::plugin::types,
            "bulkhead:plugin/orders@0.1.0": super::common::bulkhead::plugin::orders,
        },
    });
}

/// Models.
pub mod model {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package bulkhead:sdk;
            world model-exports {
                export bulkhead:plugin/model@0.1.0;
            }
        ",
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "bulkhead_sdk::wire::model",
        additional_derives: [PartialEq],
        with: {
            "bulkhead:plugin/types@0.1.0": super::common::bulkhead::plugin::types,
        },
    });
}

/// Data sources.
pub mod data_source {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package bulkhead:sdk;
            world data-source-exports {
                export bulkhead:plugin/data-source@0.1.0;
            }
        ",
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "bulkhead_sdk::wire::data_source",
        additional_derives: [PartialEq],
        with: {
            "bulkhead:plugin/types@0.1.0": super::common::bulkhead::plugin::types,
        },
    });
}

/// AI providers.
pub mod ai_provider {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package bulkhead:sdk;
            world ai-provider-exports {
                export bulkhead:plugin/ai-provider@0.1.0;
            }
        ",
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "bulkhead_sdk::wire::ai_provider",
        additional_derives: [PartialEq],
        with: {
            "bulkhead:plugin/types@0.1.0": super::common::bulkhead::plugin::types,
        },
    });
}

/// Brokers.
pub mod broker {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package bulkhead:sdk;
            world broker-exports {
                export bulkhead:plugin/broker@0.1.0;
            }
        ",
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "bulkhead_sdk::wire::broker",
        additional_derives: [PartialEq],
        with: {
            "bulkhead:plugin/types@0.1.0": super::common::bulkhead::plugin::types,
            "bulkhead:plugin/orders@0.1.0": super::common::bulkhead::plugin::orders,
        },
    });
}

/// What a simulated broker adds to a broker.
pub mod simulated {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package bulkhead:sdk;
            world simulated-exports {
                export bulkhead:plugin/simulated@0.1.0;
            }
        ",
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "bulkhead_sdk::wire::simulated",
        additional_derives: [PartialEq],
        with: {
            "bulkhead:plugin/types@0.1.0": super::common::bulkhead::plugin::types,
            "bulkhead:plugin/orders@0.1.0": super::common::bulkhead::plugin::orders,
            "bulkhead:plugin/types@0.1.0/bar": ::bulkhead_venue::order::Bar,
        },
    });
}

/// State that can move to another instance.
pub mod snapshot {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package bulkhead:sdk;
            world snapshot-exports {
                export bulkhead:plugin/snapshot@0.1.0;
            }
        ",
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "bulkhead_sdk::wire::snapshot",
        additional_derives: [PartialEq],
    });
}

/// A whole series at once.
pub mod vectorised {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package bulkhead:sdk;
            world vectorised-exports {
                export bulkhead:plugin/vectorised@0.1.0;
            }
        ",
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "bulkhead_sdk::wire::vectorised",
        additional_derives: [PartialEq],
        with: {
            "bulkhead:plugin/types@0.1.0": super::common::bulkhead::plugin::types,
        },
    });
}

/// Learning on from where a saved model stands.
pub mod partial_fit {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package bulkhead:sdk;
            world partial-fit-exports {
                export bulkhead:plugin/partial-fit@0.1.0;
            }
        ",
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "bulkhead_sdk::wire::partial_fit",
        additional_derives: [PartialEq],
        with: {
            "bulkhead:plugin/types@0.1.0": super::common::bulkhead::plugin::types,
            "bulkhead:plugin/model@0.1.0": super::model::exports::bulkhead::plugin::model,
        },
    });
}

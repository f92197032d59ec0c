//! The macro that makes a component of a plain type.

/// Makes the crate the plugin `$plugin` of the kind named first: `strategy`, `model`, `risk_rule`,
/// `data_source`, `ai_provider` or `broker`. Optional abilities follow: `snapshot` for every kind,
/// `vectorised` for strategies, `partial_fit` for models, `simulated` for brokers.
///
/// ```ignore
/// bulkhead_sdk::export!(strategy: EmaCross, vectorised, snapshot);
/// ```
///
/// Natively it emits no exports, only a test that holds `[config-schema]` in `plugin.toml` to the
/// configuration's type; see [`testing::assert_schema`](crate::testing::assert_schema).
#[macro_export]
macro_rules! export {
    ($kind:ident : $plugin:ty $(, $ability:ident)* $(,)?) => {
        $crate::__export!(@kind $kind $plugin);
        $( $crate::__export!(@ability $ability $kind $plugin); )*
    };
}

/// The pieces of [`export!`].
#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    (@kind strategy $plugin:ty) => {
        $crate::__export!(@test $plugin, $crate::strategy::Strategy);
        $crate::__export!(@wire strategy, $crate::strategy::Adapter<$plugin>);
    };
    (@kind model $plugin:ty) => {
        $crate::__export!(@test $plugin, $crate::model::Model);
        $crate::__export!(@wire lifecycle, $crate::model::Adapter<$plugin>);
        $crate::__export!(@wire model, $crate::model::Adapter<$plugin>);
    };
    (@kind risk_rule $plugin:ty) => {
        $crate::__export!(@test $plugin, $crate::risk_rule::RiskRule);
        $crate::__export!(@wire lifecycle, $crate::risk_rule::Adapter<$plugin>);
        $crate::__export!(@wire risk_rule, $crate::risk_rule::Adapter<$plugin>);
    };
    (@kind data_source $plugin:ty) => {
        $crate::__export!(@test $plugin, $crate::data_source::DataSource);
        $crate::__export!(@wire lifecycle, $crate::data_source::Adapter<$plugin>);
        $crate::__export!(@wire data_source, $crate::data_source::Adapter<$plugin>);
    };
    (@kind ai_provider $plugin:ty) => {
        $crate::__export!(@test $plugin, $crate::ai_provider::AiProvider);
        $crate::__export!(@wire lifecycle, $crate::ai_provider::Adapter<$plugin>);
        $crate::__export!(@wire ai_provider, $crate::ai_provider::Adapter<$plugin>);
    };
    (@kind broker $plugin:ty) => {
        $crate::__export!(@test $plugin, $crate::broker::Broker);
        $crate::__export!(@wire lifecycle, $crate::broker::Adapter<$plugin>);
        $crate::__export!(@wire broker, $crate::broker::Adapter<$plugin>);
    };
    (@kind $other:ident $plugin:ty) => {
        ::core::compile_error!(
            "the kind is one of strategy, model, risk_rule, data_source, ai_provider, broker"
        );
    };
    (@ability snapshot $kind:ident $plugin:ty) => {
        $crate::__export!(@holds $plugin, $crate::snapshot::Snapshot);
        $crate::__export!(@wire snapshot, $crate::snapshot::Adapter<$plugin>);
    };
    (@ability vectorised strategy $plugin:ty) => {
        $crate::__export!(@holds $plugin, $crate::strategy::Vectorised);
        $crate::__export!(@wire vectorised, $crate::strategy::Adapter<$plugin>);
    };
    (@ability partial_fit model $plugin:ty) => {
        $crate::__export!(@holds $plugin, $crate::model::PartialFit);
        $crate::__export!(@wire partial_fit, $crate::model::Adapter<$plugin>);
    };
    (@ability simulated broker $plugin:ty) => {
        $crate::__export!(@holds $plugin, $crate::broker::SimulatedBroker);
        $crate::__export!(@wire simulated, $crate::broker::Adapter<$plugin>);
    };
    (@ability $other:ident $kind:ident $plugin:ty) => {
        ::core::compile_error!(
            "this kind has no such ability; there are snapshot, vectorised (strategy), partial_fit (model) and simulated (broker)"
        );
    };
    // Checked natively too, so that a missing trait shows before the first build for the target.
    (@holds $plugin:ty, $trait:path) => {
        const _: () = {
            const fn holds<T: $trait>() {}
            holds::<$plugin>();
        };
    };
    (@test $plugin:ty, $trait:path) => {
        $crate::__export!(@holds $plugin, $trait);

        #[cfg(all(test, not(target_arch = "wasm32")))]
        #[test]
        fn plugin_toml_states_the_config_schema() {
            $crate::testing::assert_schema::<<$plugin as $trait>::Config>(
                ::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), "/plugin.toml"),
            );
        }
    };
    (@wire $piece:ident, $adapter:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Plugin = $adapter;
            $crate::wire::$piece::export!(Plugin with_types_in $crate::wire::$piece);
        };
    };
}

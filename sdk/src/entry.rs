//! Where calls from the host enter: the panic hook, the configured plugin and its life.
//!
//! An instance holds one configured plugin (or one live strategy) at a time and is single-threaded, so it is
//! kept in a thread-local cell. The host never calls into an instance that is in the middle of a call.

use crate::Instrument;
use crate::wire::lifecycle::exports::bulkhead::plugin::lifecycle::Setup;
use crate::wire::types;
use serde::de::DeserializeOwned;
use std::any::Any;
use std::cell::RefCell;
use std::rc::{Rc, Weak};

thread_local! {
    static PLUGIN: RefCell<Option<Rc<dyn Any>>> = const { RefCell::new(None) };
    static LIVE: RefCell<Option<Weak<dyn Any>>> = const { RefCell::new(None) };
}

/// Called first by every function that may be the host's first call.
pub(crate) fn begin() {
    #[cfg(target_arch = "wasm32")]
    {
        use std::sync::Once;
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            std::panic::set_hook(Box::new(|panic| {
                let what = panic.payload_as_str().unwrap_or("panicked");
                let message = match panic.location() {
                    Some(place) => format!("{what} ({place})"),
                    None => what.to_owned(),
                };
                crate::wire::log::panicked(&message);
            }));
        });
    }
}

/// Config and instruments in the author's terms.
pub(crate) fn setup<C: DeserializeOwned>(
    config: &str,
    instruments: Vec<types::Instrument>,
) -> Result<(C, Vec<Instrument>), String> {
    begin();
    let config = crate::config::parse(config)?;
    let instruments = instruments
        .into_iter()
        .map(|wire| {
            let symbol = wire.symbol.clone();
            Instrument::try_from(wire).map_err(|error| format!("instrument {symbol}: {error}"))
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok((config, instruments))
}

/// The configured plugin, or the live strategy.
pub(crate) fn with<T: 'static, R>(call: impl FnOnce(&mut T) -> R) -> R {
    let held = PLUGIN
        .with(|cell| cell.borrow().clone())
        .or_else(|| LIVE.with(|cell| cell.borrow().as_ref().and_then(Weak::upgrade)));
    let Some(held) = held else {
        panic!("called before it was configured");
    };
    let Some(plugin) = held.downcast_ref::<RefCell<T>>() else {
        panic!("configured as another type");
    };
    call(&mut plugin.borrow_mut())
}

/// Remembers the strategy whose state `snapshot` is about.
pub(crate) fn now_live<T: 'static>(strategy: &Rc<RefCell<T>>) {
    let strategy: Rc<dyn Any> = Rc::clone(strategy) as Rc<dyn Any>;
    LIVE.with(|cell| *cell.borrow_mut() = Some(Rc::downgrade(&strategy)));
}

/// Takes the configuration, and keeps what `new` makes of it.
pub(crate) fn configure<T: 'static, C: DeserializeOwned>(
    wire: Setup,
    new: impl FnOnce(C, &[Instrument]) -> Result<T, String>,
) -> Result<(), String> {
    let (config, instruments) = setup::<C>(&wire.config, wire.instruments)?;
    let plugin: Rc<dyn Any> = Rc::new(RefCell::new(new(config, &instruments)?));
    PLUGIN.with(|cell| *cell.borrow_mut() = Some(plugin));
    Ok(())
}

/// Gives an adapter the `lifecycle` export.
macro_rules! configured {
    ($kind:ident) => {
        /// What the generated exports are attached to.
        #[doc(hidden)]
        pub struct Adapter<T>(std::marker::PhantomData<T>);

        impl<T: $kind> crate::wire::lifecycle::exports::bulkhead::plugin::lifecycle::Guest
            for Adapter<T>
        {
            fn configure(
                setup: crate::wire::lifecycle::exports::bulkhead::plugin::lifecycle::Setup,
            ) -> Result<(), String> {
                crate::entry::configure(setup, T::new)
            }
        }
    };
}
pub(crate) use configured;

//! Optional: state that can move to another instance of the same plugin, or to a newer version of it.

use crate::entry;
use crate::wire::snapshot::exports::bulkhead::plugin::snapshot::Guest;
use std::marker::PhantomData;

/// Saves and restores the state of a configured plugin, or of a strategy's one live instance. Add it with
/// `export!(strategy: MyType, snapshot)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is exported with `snapshot`, but does not implement `bulkhead_sdk::snapshot::Snapshot`"
)]
pub trait Snapshot: Sized + 'static {
    /// The state.
    ///
    /// # Errors
    /// One line saying why there is none.
    fn save(&self) -> Result<Vec<u8>, String>;

    /// Takes the place of what `new` made.
    ///
    /// # Errors
    /// One line saying why the state is not usable, such as another version's layout.
    fn restore(&mut self, state: &[u8]) -> Result<(), String>;
}

/// What the generated exports are attached to.
#[doc(hidden)]
pub struct Adapter<T>(PhantomData<T>);

impl<T: Snapshot> Guest for Adapter<T> {
    fn save() -> Result<Vec<u8>, String> {
        entry::with::<T, _>(|plugin| plugin.save())
    }

    fn restore(state: Vec<u8>) -> Result<(), String> {
        entry::with::<T, _>(|plugin| plugin.restore(&state))
    }
}

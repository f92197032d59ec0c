//! Deterministic randomness.
//!
//! In a component the bytes come from the host: they depend on the session's seed and on what is being
//! computed, never on how much anybody drew before. Natively they come from a generator seeded by
//! [`testing::seed`](crate::testing::seed), 0 unless told. The hooks of `getrandom` 0.2, and of 0.3 and 0.4
//! built with `--cfg getrandom_backend="custom"`, lead here, so crates that ask for entropy stay deterministic.

/// Most bytes the host gives in one call.
const PER_CALL: usize = 65_536;

/// Fills a buffer.
pub fn fill(buffer: &mut [u8]) {
    for part in buffer.chunks_mut(PER_CALL) {
        part.copy_from_slice(&draw(part.len()));
    }
}

/// The next 64 bits.
#[must_use]
pub fn next_u64() -> u64 {
    let mut bytes = [0; 8];
    fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

#[cfg(target_arch = "wasm32")]
fn draw(length: usize) -> Vec<u8> {
    // `length` is at most PER_CALL.
    crate::wire::random::bytes(length as u32)
}

#[cfg(not(target_arch = "wasm32"))]
fn draw(length: usize) -> Vec<u8> {
    native::draw(length)
}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) mod native {
    use std::cell::Cell;

    thread_local! {
        static STATE: Cell<u64> = const { Cell::new(0) };
    }

    pub(crate) fn seed(seed: u64) {
        STATE.set(seed);
    }

    /// SplitMix64 (Steele, Lea and Flood, 2014): small, and good enough to stand in for the host.
    fn next() -> u64 {
        let state = STATE.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        STATE.set(state);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn draw(length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend_from_slice(&next().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }
}

#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
mod hook_0_2 {
    fn fill(buffer: &mut [u8]) -> Result<(), getrandom02::Error> {
        super::fill(buffer);
        Ok(())
    }

    getrandom02::register_custom_getrandom!(fill);
}

#[cfg(all(
    target_arch = "wasm32",
    target_os = "unknown",
    getrandom_backend = "custom"
))]
mod hook_0_3 {
    /// The symbol that `getrandom` 0.3 and 0.4 call.
    ///
    /// # Safety
    /// `buffer` points to `length` writable bytes.
    #[unsafe(no_mangle)]
    unsafe extern "Rust" fn __getrandom_v03_custom(
        buffer: *mut u8,
        length: usize,
    ) -> Result<(), getrandom03::Error> {
        // SAFETY: the caller owns `length` writable bytes at `buffer`. They may be uninitialised, and a
        // slice must not be made of such bytes, so they are zeroed first.
        let buffer = unsafe {
            std::ptr::write_bytes(buffer, 0, length);
            std::slice::from_raw_parts_mut(buffer, length)
        };
        super::fill(buffer);
        Ok(())
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    #[test]
    fn the_same_seed_gives_the_same_bytes_in_any_portions() {
        let mut whole = [0; 24];
        crate::testing::seed(7);
        super::fill(&mut whole);
        crate::testing::seed(7);
        let parts: Vec<u8> = (0..3)
            .flat_map(|_| super::next_u64().to_le_bytes())
            .collect();
        assert_eq!(whole.as_slice(), parts);
        assert_ne!(whole, [0; 24]);
    }
}

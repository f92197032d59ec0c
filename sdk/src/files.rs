//! Read-only access to the one folder that the operator granted; data sources only. Natively the folder is
//! what [`testing::set_files`](crate::testing::set_files) put there, empty unless told.

pub use crate::wire::files::{Entry, Error};

/// Entries of a folder, sorted by name; the empty path is the granted folder itself.
///
/// # Errors
/// Not found, denied, or an I/O failure, each naming the path.
pub fn entries(path: &str) -> Result<Vec<Entry>, Error> {
    #[cfg(target_arch = "wasm32")]
    {
        crate::wire::files::entries(path)
    }
    #[cfg(not(target_arch = "wasm32"))]
    {
        crate::testing::doubles::entries(path)
    }
}

/// Size of a file in bytes.
///
/// # Errors
/// Not found, denied, or an I/O failure, each naming the path.
pub fn size(path: &str) -> Result<u64, Error> {
    #[cfg(target_arch = "wasm32")]
    {
        crate::wire::files::size(path)
    }
    #[cfg(not(target_arch = "wasm32"))]
    {
        crate::testing::doubles::size(path)
    }
}

/// Up to `length` bytes from `offset`, at most 1 MiB; fewer only at the end of the file.
///
/// # Errors
/// Not found, denied, more than one call may return, or an I/O failure.
pub fn read(path: &str, offset: u64, length: u32) -> Result<Vec<u8>, Error> {
    #[cfg(target_arch = "wasm32")]
    {
        crate::wire::files::read(path, offset, length)
    }
    #[cfg(not(target_arch = "wasm32"))]
    {
        crate::testing::doubles::read(path, offset, length)
    }
}

/// One line for people.
#[must_use]
pub fn describe(error: &Error) -> String {
    match error {
        Error::NotFound(path) => format!("{path}: no such file in the granted folder"),
        Error::Denied(path) => format!("{path}: outside the granted folder, or none is granted"),
        Error::TooLarge(limit) => format!("a read of more than {limit} bytes"),
        Error::Io(text) => text.clone(),
    }
}

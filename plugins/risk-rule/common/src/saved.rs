//! State that moves to another instance of the same rule.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The state as bytes, under the name of its layout.
///
/// # Errors
/// When the state has no JSON form.
pub fn seal<T: Serialize>(layout: &str, state: &T) -> Result<Vec<u8>, String> {
    serde_json::to_vec(&(layout, state)).map_err(|error| error.to_string())
}

/// The state of [`seal`] under the same name.
///
/// # Errors
/// When the bytes are something else.
pub fn open<T: DeserializeOwned>(layout: &str, bytes: &[u8]) -> Result<T, String> {
    let unusable =
        |reason: String| format!("the saved state is not of the layout {layout}: {reason}");
    // The name first: another layout's state would fail with a reason that explains nothing.
    let (found, state): (String, serde_json::Value) =
        serde_json::from_slice(bytes).map_err(|error| unusable(error.to_string()))?;
    if found != layout {
        return Err(unusable(format!("it is {found}")));
    }
    serde_json::from_value(state).map_err(|error| unusable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_layout_is_opened() {
        let bytes = seal("a/1", &7u32).unwrap();
        assert_eq!(open::<u32>("a/1", &bytes), Ok(7));
        assert!(
            open::<u32>("a/2", &bytes)
                .unwrap_err()
                .contains("it is a/1")
        );
        assert!(open::<bool>("a/1", &bytes).is_err());
        assert!(open::<u32>("a/1", &bytes[1..]).is_err());
    }
}

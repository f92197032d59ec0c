//! Saved models: a mark that says which plugin wrote them and in which layout, the model, a checksum.
//!
//! Only bytes that [`seal`] wrote come back from [`open`]. The checksum (64-bit FNV-1a) is against damage,
//! not against forgery; callers still check what they read before they index with it.

use crate::Fault;
use serde::Serialize;
use serde::de::DeserializeOwned;

const CHECKSUM_BYTES: usize = 8;

/// The model's bytes, marked with `mark`, which names plugin and layout.
///
/// # Errors
/// [`Fault::Solver`] where the model cannot be serialised.
pub fn seal<T: Serialize>(mark: [u8; 8], model: &T) -> Result<Vec<u8>, Fault> {
    let mut bytes = postcard::to_extend(model, mark.to_vec())
        .map_err(|e| Fault::Solver("save", e.to_string()))?;
    bytes.extend_from_slice(&checksum(&bytes).to_le_bytes());
    Ok(bytes)
}

/// The model that [`seal`] wrote with the same mark.
///
/// # Errors
/// [`Fault::Invalid`] for anything else.
pub fn open<T: DeserializeOwned>(mark: [u8; 8], bytes: &[u8]) -> Result<T, Fault> {
    let refuse = |why: &str| Fault::Invalid(format!("not a model saved by this plugin: {why}"));
    let (marked, sum) = bytes
        .split_last_chunk::<CHECKSUM_BYTES>()
        .ok_or_else(|| refuse("too short"))?;
    let body = marked
        .strip_prefix(&mark)
        .ok_or_else(|| refuse("another plugin, or another version of it, wrote it"))?;
    if checksum(marked) != u64::from_le_bytes(*sum) {
        return Err(refuse("the checksum is wrong"));
    }
    let (model, rest) =
        postcard::take_from_bytes(body).map_err(|e| refuse(&format!("unreadable, {e}")))?;
    if rest.is_empty() {
        Ok(model)
    } else {
        Err(refuse("bytes are left over"))
    }
}

fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: [u8; 8] = *b"testing1";

    #[test]
    fn what_was_sealed_opens_bit_for_bit() {
        let model = vec![0.1f64, -0.0, f64::MIN_POSITIVE / 2.0, 1e300];
        let bytes = seal(MARK, &model).unwrap();
        let back: Vec<f64> = open(MARK, &bytes).unwrap();
        let bits = |v: &[f64]| v.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&model), bits(&back));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_refused() {
        let bytes = seal(MARK, &vec![1u32, 2, 3]).unwrap();
        for place in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[place] ^= 1;
            assert!(open::<Vec<u32>>(MARK, &damaged).is_err(), "byte {place}");
            assert!(
                open::<Vec<u32>>(MARK, &bytes[..place]).is_err(),
                "cut at {place}"
            );
        }
    }

    #[test]
    fn another_version_is_named_as_such() {
        let bytes = seal(*b"testing2", &1u32).unwrap();
        let fault = open::<u32>(MARK, &bytes).unwrap_err();
        assert!(fault.to_string().contains("another version"), "{fault}");
    }

    #[test]
    fn a_model_of_another_shape_is_refused() {
        let bytes = seal(MARK, &(1u32, 2u32)).unwrap();
        assert!(open::<u32>(MARK, &bytes).is_err());
    }
}

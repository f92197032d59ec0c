//! Names of currencies.

use super::LedgerError;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Longest code, in bytes.
const LONGEST: usize = 12;

/// A currency or quote asset by its code, such as `USD` or `USDT`. Codes compare as text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Currency {
    code: [u8; LONGEST],
}

impl Currency {
    /// The currency of books that hold only one and do not say which.
    pub const UNNAMED: Currency = Currency { code: [0; LONGEST] };

    /// The currency with this code: 1 to 12 ASCII letters, digits, `.`, `-` or `_`.
    ///
    /// # Errors
    /// [`LedgerError::Invalid`] for anything else.
    pub fn new(code: &str) -> Result<Self, LedgerError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        if code.is_empty() || code.len() > LONGEST || !code.bytes().all(plain) {
            return Err(LedgerError::Invalid {
                what: "a currency's code",
                observed: format!("'{code}'"),
            });
        }
        let mut bytes = [0; LONGEST];
        for (to, from) in bytes.iter_mut().zip(code.bytes()) {
            *to = from;
        }
        Ok(Currency { code: bytes })
    }

    /// The code; empty for [`Currency::UNNAMED`].
    #[must_use]
    pub fn code(&self) -> &str {
        let end = self.code.iter().position(|byte| *byte == 0);
        self.code
            .get(..end.unwrap_or(LONGEST))
            .and_then(|code| std::str::from_utf8(code).ok())
            .unwrap_or("")
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Currency({})", self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let code = String::deserialize(from)?;
        if code.is_empty() {
            return Ok(Currency::UNNAMED);
        }
        Currency::new(&code).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_kept_and_nonsense_is_refused() {
        assert_eq!(Currency::new("USD").unwrap().code(), "USD");
        assert_eq!(Currency::new("ABCDEFGHIJKL").unwrap().code().len(), 12);
        assert!(Currency::new("EUR").unwrap() < Currency::new("USD").unwrap());
        assert_eq!(Currency::UNNAMED.to_string(), "");
        for code in ["", "ABCDEFGHIJKLM", "US D", "U\0", "€"] {
            assert!(Currency::new(code).is_err(), "{code:?}");
        }
    }
}

//! Client order ids: minted before anything is sent, the same again in a replay.

use bulkhead_domain::digest::DigestBuilder;

/// Mints ids from a session's nonce: the first 128 bits of SHA-256 over (nonce, decision, attempt), as
/// 32 hexadecimal digits. A venue may append up to four characters for the exits of a bracket.
#[derive(Debug, Clone)]
pub struct OrderIds {
    nonce: [u8; 32],
}

/// Hexadecimal digits of an id.
const LENGTH: usize = 32;

impl OrderIds {
    /// Ids of the session with this nonce. Two sessions at one broker need different nonces.
    #[must_use]
    pub fn new(nonce: [u8; 32]) -> Self {
        OrderIds { nonce }
    }

    /// The id of a decision's `attempt`-th order.
    #[must_use]
    pub fn mint(&self, decision_id: &str, attempt: u32) -> String {
        let mut id = DigestBuilder::new()
            .part("nonce", &self.nonce)
            .part("decision", decision_id.as_bytes())
            .part("attempt", &attempt.to_le_bytes())
            .finish()
            .to_string();
        id.truncate(LENGTH);
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_short_plain_and_the_same_again() {
        let ids = OrderIds::new([7; 32]);
        let id = ids.mint("decision-1", 0);
        assert_eq!(id, ids.mint("decision-1", 0));
        assert_eq!(id.len(), 32);
        assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }

    #[test]
    fn nonce_decision_and_attempt_each_make_another_id() {
        let ids = OrderIds::new([7; 32]);
        let id = ids.mint("d", 0);
        assert_ne!(id, ids.mint("d", 1));
        assert_ne!(id, ids.mint("e", 0));
        assert_ne!(id, OrderIds::new([8; 32]).mint("d", 0));
    }
}

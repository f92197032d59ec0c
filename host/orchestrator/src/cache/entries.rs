//! The answers that are kept: by key, least recently used first to go.

use super::{CacheConfig, CacheKey};
use bulkhead_domain::Timestamp;
use std::collections::{BTreeMap, HashMap};

#[derive(Debug)]
struct Entry<V> {
    value: V,
    bytes: usize,
    /// The first moment at which it is not given any more.
    expires: Timestamp,
    /// When it was last used, in uses.
    used: u64,
}

#[derive(Debug)]
pub(super) struct Entries<V> {
    config: CacheConfig,
    by_key: HashMap<CacheKey, Entry<V>>,
    /// Keys by last use.
    by_use: BTreeMap<u64, CacheKey>,
    bytes: usize,
    uses: u64,
}

impl<V: Clone> Entries<V> {
    pub(super) fn new(config: CacheConfig) -> Self {
        Entries {
            config,
            by_key: HashMap::new(),
            by_use: BTreeMap::new(),
            bytes: 0,
            uses: 0,
        }
    }

    pub(super) fn get(&mut self, key: CacheKey, now: Timestamp) -> Option<V> {
        let entry = self.by_key.get_mut(&key)?;
        if now >= entry.expires {
            self.remove(key);
            return None;
        }
        self.uses += 1;
        self.by_use.remove(&entry.used);
        self.by_use.insert(self.uses, key);
        entry.used = self.uses;
        Some(entry.value.clone())
    }

    pub(super) fn insert(&mut self, key: CacheKey, value: V, bytes: usize, now: Timestamp) {
        self.remove(key);
        if bytes > self.config.bytes || self.config.entries == 0 || self.config.ttl <= 0 {
            return;
        }
        while self.by_key.len() == self.config.entries
            || self.bytes.saturating_add(bytes) > self.config.bytes
        {
            let Some(oldest) = self.by_use.values().next().copied() else {
                return;
            };
            self.remove(oldest);
        }
        self.uses += 1;
        self.bytes += bytes;
        self.by_use.insert(self.uses, key);
        let entry = Entry {
            value,
            bytes,
            expires: Timestamp(now.0.saturating_add(self.config.ttl)),
            used: self.uses,
        };
        self.by_key.insert(key, entry);
    }

    pub(super) fn size(&self) -> (usize, usize) {
        (self.by_key.len(), self.bytes)
    }

    fn remove(&mut self, key: CacheKey) {
        if let Some(entry) = self.by_key.remove(&key) {
            self.by_use.remove(&entry.used);
            self.bytes -= entry.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_domain::Digest;
    use proptest::prelude::*;

    const CONFIG: CacheConfig = CacheConfig {
        entries: 4,
        bytes: 100,
        ttl: 10,
    };

    fn key(number: u8) -> CacheKey {
        CacheKey(Digest::of(&[number]))
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut entries = Entries::new(CONFIG);
        (0..4).for_each(|number| entries.insert(key(number), number, 1, Timestamp(0)));
        assert_eq!(entries.get(key(0), Timestamp(1)), Some(0));
        entries.insert(key(9), 9, 1, Timestamp(1));
        assert_eq!(entries.get(key(1), Timestamp(1)), None);
        assert_eq!(entries.get(key(0), Timestamp(1)), Some(0));
        entries.insert(key(8), 8, 98, Timestamp(1));
        assert_eq!(entries.size(), (3, 100));
    }

    #[test]
    fn a_ttl_of_nothing_keeps_nothing() {
        let mut entries = Entries::new(CacheConfig { ttl: 0, ..CONFIG });
        entries.insert(key(1), 1, 1, Timestamp(0));
        assert_eq!(entries.size(), (0, 0));
    }

    proptest! {
        #[test]
        fn it_gives_what_was_put_in_last_and_not_too_late_and_stays_within_its_bounds(
            steps in proptest::collection::vec((any::<bool>(), 0u8..8, 0usize..120, 0i64..4), 1..200)
        ) {
            let mut entries = Entries::new(CONFIG);
            let mut put: HashMap<u8, (usize, i64)> = HashMap::new();
            let mut now = 0;
            for (step, (insert, number, bytes, pass)) in steps.into_iter().enumerate() {
                now += pass;
                if insert {
                    entries.insert(key(number), step, bytes, Timestamp(now));
                    put.insert(number, (step, now));
                    let kept = entries.get(key(number), Timestamp(now));
                    prop_assert_eq!(kept, (bytes <= 100).then_some(step));
                } else if let Some(value) = entries.get(key(number), Timestamp(now)) {
                    let (last, at) = put[&number];
                    prop_assert_eq!(value, last);
                    prop_assert!(now - at < CONFIG.ttl);
                }
                let (count, bytes) = entries.size();
                prop_assert!(count <= 4 && bytes <= 100);
                prop_assert_eq!(entries.by_use.len(), count);
            }
        }
    }
}

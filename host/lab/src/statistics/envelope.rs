//! A series of any length as a few hundred buckets, for charts.
//!
//! Each bucket keeps the first, lowest, highest and last of its values, so no spike is lost. When all buckets are full,
//! neighbours are joined: memory is bounded, and the result depends on the values alone, not on when one looked.

/// Buckets of a full envelope; about one a pixel of a chart.
const LIMIT: usize = 1_024;

/// What became of a stretch of values. Times are nanoseconds since 1970 (UTC).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// First value's time.
    pub from: i64,
    /// Last value's time.
    pub to: i64,
    /// First value.
    pub first: f64,
    /// Lowest.
    pub low: f64,
    /// Highest.
    pub high: f64,
    /// Last value.
    pub last: f64,
    /// Values in it.
    pub count: u64,
}

impl Bucket {
    fn joined(self, after: Bucket) -> Bucket {
        Bucket {
            from: self.from,
            to: after.to,
            first: self.first,
            low: self.low.min(after.low),
            high: self.high.max(after.high),
            last: after.last,
            count: self.count + after.count,
        }
    }
}

/// A series in at most 1,024 buckets of equally many values; the last may have fewer.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    buckets: Vec<Bucket>,
    width: u64,
}

impl Default for Envelope {
    fn default() -> Self {
        Envelope {
            buckets: Vec::new(),
            width: 1,
        }
    }
}

impl Envelope {
    /// Takes the next value; one that is not finite is left out.
    pub fn push(&mut self, time: i64, value: f64) {
        self.push_range(time, value, value, value);
    }

    /// Takes the next bar: its lowest, highest and last value. One that is not finite is left out.
    pub fn push_range(&mut self, time: i64, low: f64, high: f64, last: f64) {
        if !(low.is_finite() && high.is_finite() && last.is_finite()) {
            return;
        }
        let one = Bucket {
            from: time,
            to: time,
            first: last,
            low,
            high,
            last,
            count: 1,
        };
        if let Some(open) = self.buckets.last_mut()
            && open.count < self.width
        {
            *open = open.joined(one);
            return;
        }
        if self.buckets.len() == LIMIT {
            self.join_neighbours();
        }
        self.buckets.push(one);
    }

    /// The buckets in the order of time.
    #[must_use]
    pub fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    fn join_neighbours(&mut self) {
        self.width *= 2;
        self.buckets = self
            .buckets
            .chunks(2)
            .filter_map(|pair| pair.iter().copied().reduce(Bucket::joined))
            .collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_spike_among_a_million_is_kept() {
        let mut envelope = Envelope::default();
        for time in 0..1_000_000 {
            let value = if time == 777_777 { 9.0 } else { 1.0 };
            envelope.push(time, value);
        }
        let buckets = envelope.buckets();
        assert!(buckets.len() <= LIMIT && buckets.len() > LIMIT / 2 - 1);
        let high: Vec<&Bucket> = buckets.iter().filter(|bucket| bucket.high > 1.0).collect();
        assert_eq!(high.len(), 1);
        assert!((high[0].from..=high[0].to).contains(&777_777));
    }

    #[test]
    fn what_is_not_finite_is_left_out() {
        let mut envelope = Envelope::default();
        envelope.push(0, f64::NAN);
        assert!(envelope.buckets().is_empty());
    }

    proptest! {
        #[test]
        fn every_value_lies_in_exactly_one_bucket_and_ends_are_exact(
            values in prop::collection::vec(-1e3f64..1e3, 1..5_000)
        ) {
            let mut envelope = Envelope::default();
            for (time, value) in values.iter().enumerate() {
                envelope.push(time as i64, *value);
            }
            let mut next = 0;
            for bucket in envelope.buckets() {
                prop_assert_eq!(bucket.from, next);
                next = bucket.to + 1;
                let part = &values[bucket.from as usize..next as usize];
                prop_assert_eq!(bucket.low, part.iter().copied().fold(f64::INFINITY, f64::min));
                prop_assert_eq!(bucket.high, part.iter().copied().fold(f64::NEG_INFINITY, f64::max));
                prop_assert_eq!((bucket.first, bucket.last), (part[0], part[part.len() - 1]));
            }
            prop_assert_eq!(next as usize, values.len());
        }
    }
}

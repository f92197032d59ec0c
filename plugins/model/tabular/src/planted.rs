//! Seeded data with a planted, learnable signal, made by integer hashing and plain arithmetic only: the
//! same numbers in any language, so that figures of another library can be stored beside the tests.

use crate::{Sample, Table};

/// Columns of a planted table; the first four carry the signal.
pub const COLUMNS: usize = 12;

/// SplitMix64's output function (Steele, Lea & Flood, 2014).
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A number in [0, 1).
pub fn uniform(index: u64) -> f64 {
    (mix(index) >> 11) as f64 / (1u64 << 53) as f64
}

/// Rows of uniform numbers.
pub fn table(start: u64, rows: u64) -> Table {
    let values = (start..start + rows)
        .flat_map(|row| (0..COLUMNS as u64).map(move |column| uniform(row * 16 + column)))
        .collect();
    Table {
        rows: rows as usize,
        columns: COLUMNS,
        values,
    }
}

/// Two classes: a linear part in two columns, an interaction of two others, and noise.
pub fn two_classes(start: u64, table: &Table) -> Vec<u32> {
    (start..)
        .zip(table.iter())
        .map(|(row, x)| {
            let together = (x[2] > 0.5) == (x[3] > 0.5);
            let tilt =
                1.2 * (x[0] - 0.5) - 0.8 * (x[1] - 0.5) + if together { 0.25 } else { -0.25 };
            let p = (0.5 + tilt).clamp(0.05, 0.95);
            u32::from(uniform(row * 16 + 15) < p)
        })
        .collect()
}

/// Three classes, by steps in two columns; a fifth of the labels is drawn at random.
pub fn three_classes(start: u64, table: &Table) -> Vec<u32> {
    (start..)
        .zip(table.iter())
        .map(|(row, x)| {
            let planted = match (x[0] < 0.33, x[1] < 0.5) {
                (true, _) => 0,
                (false, true) => 1,
                (false, false) => 2,
            };
            if uniform(row * 16 + 14) < 0.8 {
                planted
            } else {
                (uniform(row * 16 + 13) * 3.0) as u32
            }
        })
        .collect()
}

/// Equal weights, no times.
pub fn sample<'a>(features: &'a Table, labels: &'a [u32], classes: usize) -> Sample<'a> {
    Sample {
        features,
        labels,
        classes,
        weights: &[],
        spans: &[],
    }
}

/// Share of rows whose likeliest class happened, and mean log-loss.
pub fn score(probabilities: &[f64], labels: &[u32]) -> (f64, f64) {
    let classes = probabilities.len() / labels.len();
    let rows = probabilities.chunks(classes).zip(labels);
    let hits = rows
        .clone()
        .filter(|(row, label)| row.iter().all(|p| *p <= row[**label as usize]))
        .count();
    let loss = crate::log_loss(rows.map(|(row, label)| row[*label as usize]));
    (hits as f64 / labels.len() as f64, loss)
}

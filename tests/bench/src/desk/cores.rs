//! Processor time of this process, all its threads together.

/// What it was when this was made.
pub(super) struct Used(f64);

/// Ticks a second of `/proc/PID/stat`: what Linux tells programs, whatever the kernel's own rate is.
const TICKS: f64 = 100.0;

impl Used {
    /// Absent where the system does not tell.
    pub(super) fn now() -> Option<Self> {
        seconds(&std::fs::read_to_string("/proc/self/stat").ok()?).map(Used)
    }

    /// Processor seconds since then.
    pub(super) fn since(&self) -> f64 {
        Used::now().map_or(f64::NAN, |now| now.0 - self.0)
    }
}

/// User and system time: fields 14 and 15, counted from behind the program's name, which may hold anything.
fn seconds(stat: &str) -> Option<f64> {
    let (_, behind) = stat.rsplit_once(')')?;
    let mut fields = behind.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_times_are_added_whatever_the_program_is_called() {
        let stat = "7 (a) b) R 1 7 7 0 -1 4194304 99 0 0 0 250 50 0 0 20 0 3 0 12345 1 2";
        assert_eq!(seconds(stat), Some(3.0));
        assert_eq!(seconds("7 (bench) R 1"), None);
    }
}

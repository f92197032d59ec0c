//! Writes as many log lines as the instrument says; 0 is no end of them. A bar with a volume asks for one
//! line of so many bytes instead.

use bulkhead_sdk::config::NoConfig;
use bulkhead_sdk::strategy::{Intent, Requirements, State, Strategy};
use bulkhead_sdk::{Bar, Instrument, InstrumentHandle};

struct LogFlood;

impl Strategy for LogFlood {
    type Config = NoConfig;

    fn new(_: NoConfig, _: &[Instrument]) -> Result<Self, String> {
        Ok(LogFlood)
    }

    fn requirements(&self) -> Requirements {
        Requirements::bars(0)
    }

    fn on_bar(&mut self, instrument: InstrumentHandle, bar: &Bar, _: &State) -> Vec<Intent> {
        if bar.volume > 0.0 {
            bulkhead_sdk::info!("{}", "x".repeat(bar.volume as usize));
            return Vec::new();
        }
        let mut written = 0;
        while instrument == 0 || written < instrument {
            bulkhead_sdk::info!("line {written}");
            written += 1;
        }
        vec![Intent::CancelAll(written)]
    }
}

bulkhead_sdk::export!(strategy: LogFlood);

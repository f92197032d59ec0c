//! Prints to WASI's standard output: instrument 1 a greeting, any other that many lines of a kilobyte.

use bulkhead_sdk::config::NoConfig;
use bulkhead_sdk::strategy::{Intent, Requirements, State, Strategy};
use bulkhead_sdk::{Bar, Instrument, InstrumentHandle};

struct Printer;

impl Strategy for Printer {
    type Config = NoConfig;

    fn new(_: NoConfig, _: &[Instrument]) -> Result<Self, String> {
        Ok(Printer)
    }

    fn requirements(&self) -> Requirements {
        Requirements::bars(0)
    }

    fn on_bar(&mut self, instrument: InstrumentHandle, _: &Bar, _: &State) -> Vec<Intent> {
        if instrument == 1 {
            hostile_wasi::print("hello from the guest\nand goodbye\n");
        } else {
            let line = format!("{}\n", "x".repeat(1023));
            (0..instrument).for_each(|_| hostile_wasi::print(&line));
        }
        Vec::new()
    }
}

bulkhead_sdk::export!(strategy: Printer);

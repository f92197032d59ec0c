//! Looks for WASI's environment, arguments and folders, and reports all it finds.

use bulkhead_sdk::config::NoConfig;
use bulkhead_sdk::strategy::{Intent, Requirements, State, Strategy};
use bulkhead_sdk::{Bar, Instrument, InstrumentHandle};
use hostile_wasi::wasi::{cli, filesystem};

struct Snoop;

impl Strategy for Snoop {
    type Config = NoConfig;

    fn new(_: NoConfig, _: &[Instrument]) -> Result<Self, String> {
        Ok(Snoop)
    }

    fn requirements(&self) -> Requirements {
        Requirements::bars(0)
    }

    fn on_bar(&mut self, _: InstrumentHandle, _: &Bar, _: &State) -> Vec<Intent> {
        let variables = cli::environment::get_environment()
            .into_iter()
            .map(|(name, value)| format!("variable {name}={value}"));
        let arguments = cli::environment::get_arguments()
            .into_iter()
            .map(|argument| format!("argument {argument}"));
        let here = cli::environment::initial_cwd().map(|path| format!("working folder {path}"));
        let folders = filesystem::preopens::get_directories()
            .into_iter()
            .map(|(_, path)| format!("folder {path}"));
        variables
            .chain(arguments)
            .chain(here)
            .chain(folders)
            .map(Intent::Cancel)
            .collect()
    }
}

bulkhead_sdk::export!(strategy: Snoop);

//! What data sources give.

use super::{Accept, Invalid, same_cases};
use crate::bindings::data_source::exports::bulkhead::plugin::data_source as wit;
use bulkhead_domain::Timestamp;
use bulkhead_domain::data::{BarsPage, DataKind, Dataset, InstrumentPage, SeriesPage, Stamp};

same_cases!(DataKind, wit::DataKind, [Bars, Series, News, OptionChain]);
same_cases!(Stamp, wit::Stamp, [Date, Close, Open]);

impl Accept<Dataset> for wit::Dataset {
    fn accept(self) -> Result<Dataset, Invalid> {
        Ok(Dataset {
            name: self.name,
            description: self.description,
            kind: self.kind.into(),
            intervals: self.intervals,
            page_rows: self.page_rows,
            first: self.first.map(Timestamp),
            last: self.last.map(Timestamp),
            extra: self.extra.accept()?,
        })
    }
}

impl Accept<InstrumentPage> for wit::InstrumentPage {
    fn accept(self) -> Result<InstrumentPage, Invalid> {
        Ok(InstrumentPage {
            instruments: self.instruments.accept()?,
            next: self.next,
        })
    }
}

fn same_length(what: &str, rows: usize, columns: &[(&str, usize)]) -> Result<(), Invalid> {
    match columns.iter().find(|(_, length)| *length != rows) {
        Some((name, length)) => Err(Invalid(format!(
            "{what}: column {name} has {length} rows, times has {rows}"
        ))),
        None => Ok(()),
    }
}

impl Accept<BarsPage> for wit::BarsPage {
    fn accept(self) -> Result<BarsPage, Invalid> {
        let bars = self.bars;
        let rows = bars.times.len();
        same_length(
            "bars",
            rows,
            &[
                ("open", bars.open.len()),
                ("high", bars.high.len()),
                ("low", bars.low.len()),
                ("close", bars.close.len()),
                ("volume", bars.volume.len()),
            ],
        )?;
        if !self.adjusted_close.is_empty() {
            same_length(
                "bars",
                rows,
                &[("adjusted-close", self.adjusted_close.len())],
            )?;
        }
        Ok(BarsPage {
            stamp: self.stamp.into(),
            times: bars.times,
            open: bars.open,
            high: bars.high,
            low: bars.low,
            close: bars.close,
            volume: bars.volume,
            adjusted_close: self.adjusted_close,
            actions: self.actions.accept()?,
            next: self.next,
        })
    }
}

impl Accept<SeriesPage> for wit::SeriesPage {
    fn accept(self) -> Result<SeriesPage, Invalid> {
        let rows = self.periods.len();
        same_length("series", rows, &[("values", self.values.len())])?;
        if !self.released.is_empty() {
            same_length("series", rows, &[("released", self.released.len())])?;
        }
        Ok(SeriesPage {
            periods: self.periods,
            values: self.values,
            released: self.released,
            vintages: self.vintages,
            next: self.next,
        })
    }
}

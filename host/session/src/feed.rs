//! Series merged into one portfolio clock: at each moment the bars of every instrument that has one.
//!
//! Promises: of a series that is streamed no more is held than one batch; what a moment holds does not depend on the
//! order in which series are named. A trading session ends with a bar of a day or longer, and with the bar that closes
//! at the session's close by the instrument's calendar; where that bar is missing, with the last bar before the next
//! session's. Nothing can fill between the two, so nobody gains by knowing that no bar is to come.

mod detail;

pub use self::detail::Detailed;

use self::detail::Details;
use bulkhead_domain::order::{CorporateAction, InstrumentHandle, Step};
use bulkhead_domain::time::DAY;
use bulkhead_domain::{Problem, Timestamp};
use bulkhead_market::catalog::{BarBatch, BarReader};
use bulkhead_market::{BarColumns, BarSeries, Calendar};
use std::borrow::Cow;

/// All bars that close at one time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Moment {
    /// The close.
    pub time: i64,
    /// The bars, by instrument handle.
    pub steps: Vec<Step>,
    /// What went on within the bars, in the order of time: the moments of finer bars, where the feed has any. An
    /// instrument without finer bars has its bar in the last of them.
    pub finer: Vec<Moment>,
}

/// Bars of a series, from memory or batch by batch.
enum Bars<'a> {
    Whole(&'a BarSeries),
    Streamed {
        reader: Box<BarReader>,
        batch: BarBatch,
    },
}

impl Bars<'_> {
    /// What is at hand: opens, and the bars.
    #[inline]
    fn columns(&self) -> (&[i64], &BarColumns) {
        match self {
            Bars::Whole(series) => (&series.open_times, &series.bars),
            Bars::Streamed { batch, .. } => (&batch.open_times, &batch.bars),
        }
    }
}

/// When sessions end.
enum Ends {
    /// With every bar.
    Daily,
    /// With the bar that closes at the calendar's close; the current session's close.
    Intraday(Calendar, i64),
    /// Nobody knows.
    Unknown,
}

impl Ends {
    fn new(interval_ns: i64, calendar: &str) -> Ends {
        if interval_ns >= DAY {
            return Ends::Daily;
        }
        // A series whose calendar nobody knows was refused when it was cleaned.
        Calendar::named(calendar)
            .map_or(Ends::Unknown, |calendar| Ends::Intraday(calendar, i64::MIN))
    }

    /// Whether a session ends with a bar, where the next one opens at `next_open`.
    #[inline]
    fn at(&mut self, open_time: i64, close: i64, next_open: Option<i64>) -> bool {
        match self {
            Ends::Daily => true,
            Ends::Unknown => false,
            Ends::Intraday(calendar, ends) => {
                if open_time >= *ends {
                    let session = calendar.session_at_or_after(Timestamp(open_time));
                    *ends = session.map_or(i64::MAX, |session| session.close.0);
                }
                close >= *ends || next_open.is_some_and(|next| next >= *ends)
            }
        }
    }
}

/// Where a series is.
struct Line<'a> {
    handle: InstrumentHandle,
    actions: Cow<'a, [CorporateAction]>,
    next_action: usize,
    ends: Ends,
    bars: Bars<'a>,
    /// The next bar's row in what is at hand.
    row: usize,
    /// Its close; `i64::MAX` where there is no more.
    next: i64,
    /// The open of the bar before it.
    before: Option<i64>,
}

impl<'a> Line<'a> {
    fn whole(series: &'a BarSeries) -> Line<'a> {
        Line {
            handle: series.instrument.handle,
            actions: Cow::Borrowed(&series.actions),
            next_action: 0,
            ends: Ends::new(series.interval_ns, &series.instrument.calendar),
            bars: Bars::Whole(series),
            row: 0,
            next: series.bars.times.first().copied().unwrap_or(i64::MAX),
            before: None,
        }
    }

    fn streamed(handle: InstrumentHandle, reader: BarReader) -> Result<Line<'a>, Problem> {
        let mut line = Line {
            handle,
            actions: Cow::Owned(reader.actions().to_vec()),
            next_action: 0,
            ends: Ends::new(reader.interval_ns(), &reader.instrument().calendar),
            bars: Bars::Streamed {
                reader: Box::new(reader),
                batch: BarBatch::default(),
            },
            row: 0,
            next: i64::MAX,
            before: None,
        };
        line.find()?;
        Ok(line)
    }

    /// Finds the next bar's close; reads on where what is at hand is used up.
    #[inline]
    fn find(&mut self) -> Result<(), Problem> {
        match self.bars.columns().1.times.get(self.row) {
            Some(next) => self.next = *next,
            None => self.read_on()?,
        }
        Ok(())
    }

    fn read_on(&mut self) -> Result<(), Problem> {
        self.next = i64::MAX;
        if let Bars::Streamed { reader, batch } = &mut self.bars
            && let Some(read) = reader.next()
        {
            *batch = read?;
            self.row = 0;
            self.next = batch.bars.times.first().copied().unwrap_or(i64::MAX);
        }
        Ok(())
    }

    /// The next bar, and on to the one after it.
    #[inline]
    fn take(&mut self) -> Result<Option<Step>, Problem> {
        let (open_times, bars) = self.bars.columns();
        let (Some(open_time), Some(bar)) = (open_times.get(self.row).copied(), bars.get(self.row))
        else {
            return Ok(None);
        };
        let actions = self.actions_until(open_time);
        self.before = Some(open_time);
        self.row += 1;
        self.find()?;
        let next_open = self.bars.columns().0.get(self.row).copied();
        let session_end = self.ends.at(open_time, bar.time, next_open);
        Ok(Some(Step {
            instrument: self.handle,
            open_time,
            bar,
            session_end,
            actions,
        }))
    }

    /// Actions effective before a bar's open and after the bar before it. Actions at or before the first bar's open
    /// are no news to anybody.
    #[inline]
    fn actions_until(&mut self, open_time: i64) -> Vec<CorporateAction> {
        let left = self.actions.get(self.next_action..).unwrap_or_default();
        let due = left.partition_point(|action| action.time <= open_time);
        if due == 0 {
            return Vec::new();
        }
        self.next_action += due;
        let news = |before: i64| {
            let due = left.iter().take(due);
            due.filter(|action| action.time > before).cloned().collect()
        };
        self.before.map_or_else(Vec::new, news)
    }

    /// Reads on to the end, where the reader checks what the file says of itself.
    fn drain(&mut self) -> Result<(), Problem> {
        self.next = i64::MAX;
        match &mut self.bars {
            Bars::Streamed { reader, .. } => reader.try_for_each(|batch| batch.map(drop)),
            Bars::Whole(_) => Ok(()),
        }
    }

    /// Leaves out the bars that close before a time.
    fn skip_to(&mut self, from: i64) -> Result<(), Problem> {
        if let Bars::Whole(series) = &self.bars {
            self.row = series.bars.times.partition_point(|time| *time < from);
            self.before = self
                .row
                .checked_sub(1)
                .and_then(|row| series.open_times.get(row).copied());
            return self.find();
        }
        while self.next < from {
            self.take()?;
        }
        Ok(())
    }
}

/// A line over each series, in memory or read as it is needed.
fn lines<'a>(
    series: impl IntoIterator<Item = &'a BarSeries>,
    readers: impl IntoIterator<Item = (InstrumentHandle, BarReader)>,
) -> Result<Vec<Line<'a>>, Problem> {
    let mut lines: Vec<Line<'a>> = series.into_iter().map(Line::whole).collect();
    for (handle, reader) in readers {
        lines.push(Line::streamed(handle, reader)?);
    }
    Ok(lines)
}

/// Walks several series at once.
pub struct Feed<'a> {
    lines: Vec<Line<'a>>,
    details: Details<'a>,
    until: i64,
}

impl<'a> Feed<'a> {
    /// A feed over series; their order changes nothing.
    #[must_use]
    pub fn new(series: impl IntoIterator<Item = &'a BarSeries>) -> Feed<'a> {
        Feed::over(series.into_iter().map(Line::whole).collect())
    }

    /// A feed over series in memory and series of a catalog, which are read as they are needed, under the handles
    /// given.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn mixed(
        series: impl IntoIterator<Item = &'a BarSeries>,
        readers: impl IntoIterator<Item = (InstrumentHandle, BarReader)>,
    ) -> Result<Feed<'a>, Problem> {
        Ok(Feed::over(lines(series, readers)?))
    }

    fn over(mut lines: Vec<Line<'a>>) -> Feed<'a> {
        lines.sort_by_key(|line| line.handle);
        Feed {
            lines,
            details: Details::default(),
            until: i64::MAX,
        }
    }

    /// With finer bars of some of its instruments, in memory or read as they are needed: what goes on within a bar
    /// then follows from them.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn detailed(
        mut self,
        series: impl IntoIterator<Item = &'a BarSeries>,
        readers: impl IntoIterator<Item = (InstrumentHandle, BarReader)>,
    ) -> Result<Feed<'a>, Problem> {
        self.details = Details::new(lines(series, readers)?);
        Ok(self)
    }

    /// How far finer bars said what went on within the bars of an instrument so far; nothing where it has none.
    #[must_use]
    pub fn detail(&self, instrument: InstrumentHandle) -> Option<Detailed> {
        self.details.of(instrument)
    }

    /// When the next bar opened.
    #[must_use]
    pub fn opened(&self) -> Option<i64> {
        let opens = self.lines.iter().filter_map(|line| {
            let (open_times, _) = line.bars.columns();
            open_times.get(line.row).copied()
        });
        opens.min()
    }

    /// Leaves out bars that close before a date or after another (UTC dates, `YYYY-MM-DD`, both included).
    ///
    /// # Errors
    /// When a date cannot be read, or the bars before the first one cannot.
    pub fn between(self, from: Option<&str>, to: Option<&str>) -> Result<Feed<'a>, Problem> {
        let midnight = |text: &str| {
            Timestamp::of_date(text).ok_or_else(|| {
                Problem::user(format!("'{text}' is not a date"), "write it as YYYY-MM-DD")
            })
        };
        let from = from.map(midnight).transpose()?;
        let to = to.map(midnight).transpose()?;
        self.within(
            from.map_or(i64::MIN, |from| from.0),
            to.map_or(i64::MAX, |to| to.0.saturating_add(DAY)),
        )
    }

    /// Leaves out bars that close before a time, or at another or later (nanoseconds UTC).
    ///
    /// # Errors
    /// A series that cannot be read.
    pub fn within(mut self, from: i64, until: i64) -> Result<Feed<'a>, Problem> {
        if from > i64::MIN {
            for line in &mut self.lines {
                line.skip_to(from)?;
            }
        }
        self.until = until;
        Ok(self)
    }

    /// Leaves out bars that close at a time or later (nanoseconds UTC), besides what it leaves out already.
    #[must_use]
    pub(crate) fn until(mut self, until: i64) -> Feed<'a> {
        self.until = self.until.min(until);
        self
    }

    /// Puts the next moment in place of `moment`; false where there is none.
    ///
    /// # Errors
    /// A series that cannot be read on.
    #[inline]
    pub fn advance(&mut self, moment: &mut Moment) -> Result<bool, Problem> {
        moment.steps.clear();
        moment.finer.clear();
        let time = self.lines.iter().map(|line| line.next).min();
        let Some(time) = time.filter(|time| *time < self.until) else {
            // What was read of a file may be acted upon only if the whole of it is what it says.
            self.lines.iter_mut().try_for_each(Line::drain)?;
            self.details.drain()?;
            return Ok(false);
        };
        moment.time = time;
        for line in &mut self.lines {
            if line.next == time
                && let Some(step) = line.take()?
            {
                moment.steps.push(step);
            }
        }
        self.details.resolve(moment)?;
        Ok(true)
    }
}

impl Iterator for Feed<'_> {
    type Item = Moment;

    /// The next moment; the end where a series cannot be read on, which one in memory always can.
    fn next(&mut self) -> Option<Moment> {
        let mut moment = Moment::default();
        match self.advance(&mut moment) {
            Ok(true) => Some(moment),
            _ => None,
        }
    }
}

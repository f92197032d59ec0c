//! A choice as it is kept: every figure it was made on, in a few hundred bytes.

use super::decide::{Exclusion, Figure, Pick, Reason};
use bulkhead_domain::digest::DigestBuilder;
use bulkhead_domain::{Digest, Timestamp};

/// First byte of an encoded record.
const FORMAT: u8 = 1;
/// Stands for "nobody" and "nothing" where a small number is expected.
const NONE: u8 = u8::MAX;

/// A choice with all it was made on but the slate, which it names.
#[derive(Debug, Clone, PartialEq)]
pub struct ChoiceRecord {
    /// [`super::Slate::id`].
    pub slate: Digest,
    /// Number of the choice, which its draws depend on.
    pub sequence: u64,
    /// When it was made.
    pub time: Timestamp,
    /// The discount that the figures were kept under.
    pub discount: f64,
    /// The candidates' figures, in the slate's order.
    pub figures: Vec<Figure>,
    /// What came of it.
    pub pick: Pick,
}

/// Bytes that are no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BrokenRecord {
    /// They are of another format.
    #[error("the record is of format {0}, which this program does not know")]
    Format(u8),
    /// They end too early or too late, or a code in them means nothing.
    #[error("the record is damaged at byte {0}")]
    Damaged(usize),
}

impl Default for ChoiceRecord {
    /// An empty record to choose into.
    fn default() -> Self {
        ChoiceRecord {
            slate: Digest::of(&[]),
            sequence: 0,
            time: Timestamp(0),
            discount: 1.0,
            figures: Vec::new(),
            pick: Pick {
                winner: None,
                shadow: 0,
                reason: Reason::Nobody,
            },
        }
    }
}

impl ChoiceRecord {
    /// Names the choice: `c-` and 16 hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> String {
        let digest = DigestBuilder::new()
            .part("slate", self.slate.bytes())
            .part("sequence", &self.sequence.to_le_bytes())
            .finish();
        format!("c-{}", &digest.to_string()[..16])
    }

    /// Whether two records are equal to the last bit, scores that are no number included.
    #[must_use]
    pub fn same(&self, other: &ChoiceRecord) -> bool {
        let (mut own, mut theirs) = (Vec::new(), Vec::new());
        self.encode(&mut own);
        other.encode(&mut theirs);
        self.slate == other.slate && own == theirs
    }

    /// Appends the record's bytes, all but the slate's name. [`Figure::share`] is left out: the slate says it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let small = |number: usize| u8::try_from(number).unwrap_or(NONE);
        out.push(FORMAT);
        out.extend_from_slice(&self.sequence.to_le_bytes());
        out.extend_from_slice(&self.time.0.to_le_bytes());
        out.extend_from_slice(&self.discount.to_le_bytes());
        out.push(small(self.figures.len()));
        for figure in &self.figures {
            out.push(figure.excluded.map_or(NONE, code));
            for number in numbers(figure) {
                out.extend_from_slice(&number.to_le_bytes());
            }
        }
        out.push(self.pick.winner.map_or(NONE, small));
        out.extend_from_slice(&self.pick.shadow.to_le_bytes());
        out.push(reason_code(self.pick.reason));
    }

    /// Reads a record of `slate` back. Shares are 1 until [`super::Slate::rederive`] fills them in.
    ///
    /// # Errors
    /// When the bytes are no record of this format, whole.
    pub fn decode(slate: Digest, bytes: &[u8]) -> Result<Self, BrokenRecord> {
        let mut reader = Reader { bytes, at: 0 };
        match reader.byte()? {
            FORMAT => {}
            other => return Err(BrokenRecord::Format(other)),
        }
        let sequence = u64::from_le_bytes(reader.take()?);
        let time = Timestamp(i64::from_le_bytes(reader.take()?));
        let discount = reader.number()?;
        let figures = (0..reader.byte()?)
            .map(|_| reader.figure())
            .collect::<Result<_, _>>()?;
        let winner = Some(reader.byte()?).filter(|winner| *winner != NONE);
        let shadow = u64::from_le_bytes(reader.take()?);
        let reason = REASONS.get(usize::from(reader.byte()?));
        match reason {
            Some(reason) if reader.at == bytes.len() => Ok(ChoiceRecord {
                slate,
                sequence,
                time,
                discount,
                figures,
                pick: Pick {
                    winner: winner.map(usize::from),
                    shadow,
                    reason: *reason,
                },
            }),
            _ => Err(BrokenRecord::Damaged(reader.at)),
        }
    }
}

fn numbers(figure: &Figure) -> [f64; 7] {
    [
        figure.mean,
        figure.deviation,
        figure.spread,
        figure.weight,
        figure.latency,
        figure.latency_weight,
        figure.score,
    ]
}

/// The codes are places in these lists: a new case goes to the end.
pub(super) const EXCLUSIONS: [Exclusion; 7] = [
    Exclusion::Disabled,
    Exclusion::Incapable,
    Exclusion::BreakerOpen,
    Exclusion::OverBudget,
    Exclusion::Tried,
    Exclusion::TooSlow,
    Exclusion::TooFast,
];
pub(super) const REASONS: [Reason; 7] = [
    Reason::Pinned,
    Reason::First,
    Reason::Drawn,
    Reason::BestScore,
    Reason::Explored,
    Reason::BestMean,
    Reason::Nobody,
];

fn code(exclusion: Exclusion) -> u8 {
    exclusion as u8
}

fn reason_code(reason: Reason) -> u8 {
    reason as u8
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], BrokenRecord> {
        let taken = self
            .bytes
            .get(self.at..self.at + N)
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(BrokenRecord::Damaged(self.at))?;
        self.at += N;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, BrokenRecord> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn number(&mut self) -> Result<f64, BrokenRecord> {
        self.take().map(f64::from_le_bytes)
    }

    fn figure(&mut self) -> Result<Figure, BrokenRecord> {
        let excluded = match self.byte()? {
            NONE => None,
            code => Some(
                *EXCLUSIONS
                    .get(usize::from(code))
                    .ok_or(BrokenRecord::Damaged(self.at))?,
            ),
        };
        Ok(Figure {
            excluded,
            share: 1.0,
            mean: self.number()?,
            deviation: self.number()?,
            spread: self.number()?,
            weight: self.number()?,
            latency: self.number()?,
            latency_weight: self.number()?,
            score: self.number()?,
        })
    }
}

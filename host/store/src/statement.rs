//! A statement with its values, owned, so that it can travel to the writer's thread.

use bulkhead_domain::{Decimal, Timestamp};

/// One value. Absent values keep their type, because PostgreSQL wants to know it.
#[derive(Debug, Clone, PartialEq)]
pub enum Argument {
    /// `TEXT`.
    Text(Option<String>),
    /// `BIGINT`.
    Integer(Option<i64>),
    /// `DOUBLE PRECISION`. SQLite stores NaN as NULL.
    Real(Option<f64>),
    /// `BYTEA` or `BLOB`.
    Bytes(Option<Vec<u8>>),
}

/// SQL with `$1`, `$2`, … and a value for each.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    sql: &'static str,
    arguments: Vec<Argument>,
}

impl Statement {
    /// A statement without values yet.
    #[must_use]
    pub fn new(sql: &'static str) -> Self {
        Statement {
            sql,
            arguments: Vec::new(),
        }
    }

    /// Gives the next placeholder its value.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Argument>) -> Self {
        self.arguments.push(value.into());
        self
    }

    /// The SQL.
    #[must_use]
    pub fn sql(&self) -> &'static str {
        self.sql
    }

    /// Whether it has so many values.
    pub(crate) fn has(&self, values: usize) -> bool {
        self.arguments.len() == values
    }

    /// The values, to look at.
    pub(crate) fn arguments(&self) -> &[Argument] {
        &self.arguments
    }
}

/// A query that takes any number of values.
pub(crate) trait BindAll {
    fn bind_all(self, arguments: impl Iterator<Item = Argument>) -> Self;
}

impl BindAll for sqlx::query::Query<'static, crate::Database, sqlx::sqlite::SqliteArguments> {
    fn bind_all(self, arguments: impl Iterator<Item = Argument>) -> Self {
        arguments.fold(self, |query, argument| match argument {
            Argument::Text(value) => query.bind(value),
            Argument::Integer(value) => query.bind(value),
            Argument::Real(value) => query.bind(value),
            Argument::Bytes(value) => query.bind(value),
        })
    }
}

/// `From<T>` and `From<Option<T>>` for one case of [`Argument`].
macro_rules! arguments {
    ($($case:ident from $type:ty, $convert:expr;)*) => {$(
        impl From<$type> for Argument {
            fn from(value: $type) -> Self {
                Argument::$case(Some($convert(value)))
            }
        }
        impl From<Option<$type>> for Argument {
            fn from(value: Option<$type>) -> Self {
                Argument::$case(value.map($convert))
            }
        }
    )*};
}

arguments! {
    Text from String, |value| value;
    Text from &str, str::to_owned;
    Text from &String, String::clone;
    Text from Decimal, |value: Decimal| value.normalize().to_string();
    Integer from i64, |value| value;
    Integer from u32, i64::from;
    Integer from i32, i64::from;
    Integer from bool, i64::from;
    Integer from Timestamp, |value: Timestamp| value.0;
    Real from f64, |value| value;
    Bytes from Vec<u8>, |value| value;
}

//! Reading typed values out of rows.

use crate::{Database, Row, StoreError};
use bulkhead_domain::Decimal;
use sqlx::Row as _;
use std::fmt::Display;
use std::str::FromStr;

fn unreadable(column: &str, text: impl Display) -> StoreError {
    StoreError::Column {
        column: column.to_owned(),
        text: text.to_string(),
    }
}

/// A value as the database gives it: `String`, `i64`, `f64`, `Vec<u8>`, or `Option` of one.
///
/// # Errors
/// [`StoreError::Column`] when the column is missing or of another type.
pub fn column<'r, T>(row: &'r Row, name: &str) -> Result<T, StoreError>
where
    T: sqlx::Decode<'r, Database> + sqlx::Type<Database>,
{
    row.try_get(name).map_err(|error| unreadable(name, error))
}

/// A value written as text.
///
/// # Errors
/// [`StoreError::Column`] when the column is missing or its text does not parse.
pub fn parsed<T>(row: &Row, name: &str) -> Result<T, StoreError>
where
    T: FromStr,
    T::Err: Display,
{
    let text: String = column(row, name)?;
    text.parse().map_err(|error| unreadable(name, error))
}

/// A decimal, exactly as it was written.
///
/// # Errors
/// As [`parsed`].
pub fn decimal(row: &Row, name: &str) -> Result<Decimal, StoreError> {
    parsed(row, name)
}

/// A decimal that may be absent.
///
/// # Errors
/// As [`parsed`].
pub fn optional_decimal(row: &Row, name: &str) -> Result<Option<Decimal>, StoreError> {
    column::<Option<String>>(row, name)?
        .map(|text| text.parse().map_err(|error| unreadable(name, error)))
        .transpose()
}

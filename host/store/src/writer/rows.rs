//! Consecutive inserts of one form as statements of several rows.
//!
//! Promises: rows are written in the order in which they were given, and a statement of several rows is the
//! one of one row with more of what stands behind `VALUES`, so what is written is the same. A failure is told
//! of the statement that was given.
//!
//! A small transaction of one form, with at most two other statements behind it, is one text that is sent at once:
//! the way to the driver's thread and back costs more than a row.
//!
//! Bounds: only the plain form is put together, `INSERT INTO t (a, b) VALUES ($1, $2)`: every placeholder once
//! and in order, nothing behind them, and a value for each. A statement takes at most [`ROWS`] rows, so that those of every number
//! stay prepared, and at most [`PARAMETERS`] values, since the driver finds each placeholder's name by walking over
//! those before it.

use crate::open::BEGIN;
use crate::statement::BindAll as _;
use crate::{Statement, StoreError};
use sqlx::{AssertSqlSafe, SqliteConnection};
use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

const COMMIT: &str = "COMMIT";
/// Most rows of one statement.
const ROWS: usize = 16;
/// Most statements behind the rows of a transaction that is one text.
const OTHERS: usize = 2;
/// Most values of one statement.
const PARAMETERS: usize = 192;

/// Another statement, with the number of its values.
type Other = (&'static str, usize);
/// A whole transaction: the plain insert, its rows, and the others.
type Whole = (&'static str, usize, [Option<Other>; OTHERS]);

/// The statements seen so far, by the text that was given.
#[derive(Default)]
pub(super) struct Forms {
    forms: HashMap<&'static str, Option<Form>>,
    /// Whole transactions, as one text.
    transactions: HashMap<Whole, Arc<str>>,
}

/// A plain insert of which several rows go into one statement.
struct Form {
    /// What stands before `VALUES`.
    head: &'static str,
    columns: usize,
    /// Statements of two rows, of three and so on, as far as they were asked for.
    several: Vec<Option<Arc<str>>>,
}

impl Forms {
    fn form(&mut self, sql: &'static str) -> Option<&mut Form> {
        let form = self.forms.entry(sql);
        form.or_insert_with(|| Form::of(sql)).as_mut()
    }

    /// The text of the whole transaction, where it is a small one of the form that is sent at once.
    pub(super) fn transaction(
        &mut self,
        statements: &[impl Borrow<Statement>],
    ) -> Option<Arc<str>> {
        let mut all = statements.iter().map(Borrow::borrow).peekable();
        let sql = all.peek()?.sql();
        let columns = self.form(sql)?.columns;
        let mut rows = 0;
        while let Some(row) = all.next_if(|statement| statement.sql() == sql) {
            if !row.has(columns) {
                return None;
            }
            rows += 1;
        }
        let mut others = [None; OTHERS];
        for other in &mut others {
            *other = all.next();
        }
        // A placeholder's number is changed: there must be nothing that only looks like one.
        let odd = |other: &&Statement| other.sql().contains('\'');
        if all.next().is_some() || others.iter().flatten().any(odd) {
            return None;
        }
        let named = |other: &Statement| (other.sql(), other.arguments().len());
        let key = (sql, rows, others.map(|other| other.map(named)));
        if let Some(text) = self.transactions.get(&key) {
            return Some(Arc::clone(text));
        }
        let form = self.form(sql)?;
        let (head, columns) = (form.head, form.columns);
        if rows > form.several.len() + 1 {
            return None;
        }
        let mut text = format!("{BEGIN}; {}; ", several(head, columns, rows));
        let mut values = rows * columns;
        for other in others.into_iter().flatten() {
            let (other_text, highest) = shifted(other.sql(), values)?;
            if !other.has(highest) {
                return None;
            }
            text.push_str(&other_text);
            text.push_str("; ");
            values += highest;
        }
        text.push_str(COMMIT);
        let text: Arc<str> = text.into();
        self.transactions.insert(key, Arc::clone(&text));
        Some(text)
    }

    /// Executes the statements in order.
    pub(super) async fn write(
        &mut self,
        connection: &mut SqliteConnection,
        statements: &[impl Borrow<Statement>],
    ) -> Result<(), StoreError> {
        let mut statements = statements.iter().map(Borrow::borrow).peekable();
        let mut rows = Vec::new();
        while let Some(first) = statements.next() {
            let (sql, columns) = (first.sql(), first.arguments().len());
            rows.push(first);
            let mut form = self.form(sql).filter(|form| form.columns == columns);
            if form.is_some() {
                let same = |next: &&Statement| next.sql() == sql && next.has(columns);
                while let Some(next) = statements.next_if(same) {
                    rows.push(next);
                }
            }
            let mut rows = rows.drain(..);
            while rows.len() > 0 {
                let (count, text) = form
                    .as_mut()
                    .map_or((1, None), |form| form.of_rows(rows.len()));
                let arguments = rows
                    .by_ref()
                    .take(count)
                    .flat_map(Statement::arguments)
                    .cloned();
                let query = match text {
                    Some(text) => sqlx::query(AssertSqlSafe(text)).bind_all(arguments),
                    None => sqlx::query(sql).bind_all(arguments),
                };
                query
                    .execute(&mut *connection)
                    .await
                    .map_err(|error| StoreError::of_statement(sql, &error))?;
            }
        }
        Ok(())
    }
}

impl Form {
    /// The form of a statement, where it is a plain insert.
    fn of(sql: &'static str) -> Option<Form> {
        let (head, values) = sql.split_once(" VALUES (")?;
        let plain = head.starts_with("INSERT INTO ") && !head.contains('$');
        let columns = values.strip_suffix(')')?.split(',').enumerate().try_fold(
            0,
            |columns, (before, placeholder)| {
                let number = placeholder.trim().strip_prefix('$')?;
                (number.parse() == Ok(before + 1)).then_some(columns + 1)
            },
        )?;
        let most = ROWS.min(PARAMETERS / columns);
        (plain && most > 1).then(|| Form {
            head,
            columns,
            several: vec![None; most - 1],
        })
    }

    /// How many of the rows that are there go together, and by which statement; none for a single one.
    fn of_rows(&mut self, there: usize) -> (usize, Option<Arc<str>>) {
        let rows = there.min(self.several.len() + 1);
        let Some(text) = rows.checked_sub(2).and_then(|at| self.several.get_mut(at)) else {
            return (1, None);
        };
        let (head, columns) = (self.head, self.columns);
        let text = text.get_or_insert_with(|| several(head, columns, rows));
        (rows, Some(Arc::clone(text)))
    }
}

/// A statement whose placeholders begin behind those of another, and the highest number of its own.
fn shifted(sql: &str, by: usize) -> Option<(String, usize)> {
    let mut parts = sql.split('$');
    let mut text = parts.next()?.to_owned();
    let mut highest = 0;
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = part.split_at(digits);
        let number: usize = number.parse().ok()?;
        highest = highest.max(number);
        // Writing to a string does not fail.
        let _ = write!(text, "${}{rest}", number + by);
    }
    Some((text, highest))
}

fn several(head: &str, columns: usize, rows: usize) -> Arc<str> {
    let mut sql = format!("{head} VALUES ");
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ", (" });
        for column in 1..=columns {
            let comma = if column == 1 { "" } else { ", " };
            // Writing to a string does not fail.
            let _ = write!(sql, "{comma}${}", row * columns + column);
        }
        sql.push(')');
    }
    sql.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Most rows of one statement.
    fn most(sql: &'static str) -> usize {
        Form::of(sql).map_or(1, |mut form| form.of_rows(usize::MAX).0)
    }

    #[test]
    fn rows_of_a_plain_insert_go_into_one_statement() {
        let mut form = Form::of("INSERT INTO t (a, b) VALUES ($1, $2)").unwrap();
        assert_eq!(form.of_rows(1), (1, None));
        let (rows, sql) = form.of_rows(3);
        assert_eq!(
            (rows, sql.as_deref()),
            (
                3,
                Some("INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4), ($5, $6)")
            )
        );
        assert_eq!(form.of_rows(99).0, 16);
    }

    #[test]
    fn a_small_transaction_of_one_form_is_one_text() {
        const INSERT: &str = "INSERT INTO t (a, b) VALUES ($1, $2)";
        const HEAD: &str = "UPDATE h SET a = $2 WHERE b = $1";
        let mut forms = Forms::default();
        let row = || Statement::new(INSERT).bind(1_i64).bind(2_i64);
        let head = || Statement::new(HEAD).bind(1_i64).bind(2_i64);
        let text = forms.transaction(&[row(), row(), head()]);
        assert_eq!(
            text.as_deref(),
            Some(
                "BEGIN IMMEDIATE; INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4); \
                 UPDATE h SET a = $6 WHERE b = $5; COMMIT"
            )
        );
        let text = forms.transaction(&[row(), head(), head()]);
        assert_eq!(
            text.as_deref(),
            Some(
                "BEGIN IMMEDIATE; INSERT INTO t (a, b) VALUES ($1, $2); \
                 UPDATE h SET a = $4 WHERE b = $3; UPDATE h SET a = $6 WHERE b = $5; COMMIT"
            )
        );
        assert!(forms.transaction(&[row()]).is_some());
        for large in [
            vec![head()],
            vec![head(), row()],
            vec![row(), head(), head(), head()],
            vec![row(), Statement::new("UPDATE h SET a = '$1'")],
            (0..17).map(|_| row()).collect(),
        ] {
            assert_eq!(forms.transaction(&large), None, "{large:?}");
        }
    }

    #[test]
    fn what_is_not_plain_stays_as_it_is() {
        for sql in [
            "UPDATE t SET a = $1",
            "DELETE FROM t WHERE a = $1",
            "INSERT INTO t (a, b) VALUES ($1, $2) ON CONFLICT (a) DO NOTHING",
            "INSERT INTO t (a, b) VALUES ($1, 7)",
            "INSERT INTO t (a, b) VALUES ($2, $1)",
            "INSERT INTO t (a, b) VALUES ($1, $1)",
            "INSERT INTO t (a, b) SELECT $1, $2",
            "REPLACE INTO t (a) VALUES ($1)",
        ] {
            assert_eq!(most(sql), 1, "{sql}");
        }
    }

    #[test]
    fn a_statement_has_a_bounded_number_of_values() {
        let wide = |columns: usize| {
            let placeholders: Vec<_> = (1..=columns).map(|number| format!("${number}")).collect();
            let sql = format!("INSERT INTO t (a) VALUES ({})", placeholders.join(", "));
            most(sql.leak())
        };
        assert_eq!(wide(12), 16);
        assert_eq!(wide(13), 14);
        assert_eq!(wide(96), 2);
        assert_eq!(wide(97), 1);
    }
}

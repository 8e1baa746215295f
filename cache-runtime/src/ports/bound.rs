//! Statements of the runtime's own with values that are bound: their text is the same each time, so
//! that the database prepares it once.

use std::borrow::Cow;

use diesel::QueryResult;
use diesel::query_builder::{AstPass, QueryFragment};

use super::database::Dialect;
use super::load::Load;

/// A statement, put together piece by piece.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bound(Vec<Piece>);

#[derive(Debug, Clone)]
enum Piece {
    Sql(Cow<'static, str>),
    Text(String),
    Number(i64),
    Once,
}

impl Bound {
    pub(crate) fn sql(mut self, sql: impl Into<Cow<'static, str>>) -> Self {
        self.0.push(Piece::Sql(sql.into()));
        self
    }

    pub(crate) fn text(mut self, text: String) -> Self {
        self.0.push(Piece::Text(text));
        self
    }

    pub(crate) fn number(mut self, number: i64) -> Self {
        self.0.push(Piece::Number(number));
        self
    }

    /// `(1, 2, 3, 3)`: see [`rounded`].
    pub(crate) fn list(self, numbers: impl IntoIterator<Item = i64>) -> Self {
        let numbers = rounded(numbers.into_iter().collect(), None);
        let mut this = self;
        for (index, number) in numbers.into_iter().enumerate() {
            this = this.sql(if index == 0 { "(" } else { ", " }).number(number);
        }
        this.sql(")")
    }

    /// The same with texts.
    pub(crate) fn texts(self, texts: impl IntoIterator<Item = String>) -> Self {
        let texts = rounded(texts.into_iter().collect(), None);
        let mut this = self;
        for (index, text) in texts.into_iter().enumerate() {
            this = this.sql(if index == 0 { "(" } else { ", " }).text(text);
        }
        this.sql(")")
    }

    /// Has so many texts that the database is not to keep any of them.
    pub(crate) fn once(mut self) -> Self {
        self.0.push(Piece::Once);
        self
    }

    /// What another statement consists of.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }
}

/// As many as the next power of two, so that statements over different numbers of things have few
/// texts: filled up with this one, or with the last of them.
pub(crate) fn rounded<T: Clone>(mut all: Vec<T>, filling: Option<T>) -> Vec<T> {
    if let Some(filling) = filling.or_else(|| all.last().cloned()) {
        all.resize(all.len().next_power_of_two(), filling);
    }
    all
}

impl<DB: Dialect, U> Load<DB, U> {
    /// A statement that returns nothing.
    pub(crate) fn run_bound(statement: Bound) -> Self {
        Self::run_own(Box::new(statement))
    }

    /// A statement that returns rows.
    pub(crate) fn rows_bound(statement: Bound) -> Self {
        Self::own(Box::new(statement))
    }
}

impl<DB: Dialect> QueryFragment<DB> for Bound {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        for piece in &self.0 {
            match piece {
                Piece::Sql(sql) => out.push_sql(sql),
                Piece::Text(text) => DB::push_text(&mut out, text)?,
                Piece::Number(number) => DB::push_integer(&mut out, number)?,
                Piece::Once => out.unsafe_to_cache_prepared(),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_lengths() {
        assert_eq!(rounded(vec![1, 2, 3], None), [1, 2, 3, 3]);
        assert_eq!(rounded(vec![1, 2, 3, 4, 5], Some(0)), [1, 2, 3, 4, 5, 0, 0, 0]);
        assert_eq!(rounded(vec![7], None), [7]);
        assert_eq!(rounded(Vec::<i64>::new(), None), Vec::<i64>::new());
    }
}

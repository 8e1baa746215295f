//! The databases' differences.

#[cfg(any(feature = "postgres", feature = "sqlite"))]
use crate::ports::database::Dialect;

#[cfg(feature = "sqlite")]
impl Dialect for diesel::sqlite::Sqlite {
    // A deferred transaction that reads first may fail when it comes to write.
    const BEGIN_WRITE: &'static str = "BEGIN IMMEDIATE";
    // The write lock is held already.
    const LOCK_ROWS: &'static str = "";
    const MAX_BINDS: usize = 32_766;
}

#[cfg(feature = "postgres")]
impl Dialect for diesel::pg::Pg {
    const BEGIN_WRITE: &'static str = "BEGIN";
    const LOCK_ROWS: &'static str = " FOR UPDATE";
    const MAX_BINDS: usize = 65_535;
}

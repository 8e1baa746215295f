//! Savepoints that are gone with their transaction, unseen by Diesel.

use diesel::connection::TransactionManagerStatus;
#[cfg(any(feature = "r2d2", feature = "testing"))]
use diesel::{
    Connection, QueryResult,
    connection::{AnsiTransactionManager, TransactionManager},
};

use super::database::Dialect;

/// What to run before Diesel undoes the innermost savepoint, where a failed statement may have
/// ended the whole transaction.
///
/// Diesel goes back to that savepoint as well, but takes it for success if the server does not
/// know it after a deadlock. Each statement that follows would then commit by itself. Going back
/// twice is as good as once.
pub(crate) fn probe<DB: Dialect>(status: &TransactionManagerStatus) -> Option<String> {
    let TransactionManagerStatus::Valid(status) = status else { return None };
    let depth = status.transaction_depth()?.get();
    // The names are Diesel's: the first savepoint of a transaction is number 1.
    (DB::ERRORS_END_TRANSACTIONS && depth > 1)
        .then(|| format!("ROLLBACK TO SAVEPOINT diesel_savepoint_{}", depth - 1))
}

/// Ends the innermost savepoint of a blocking connection.
#[cfg(any(feature = "r2d2", feature = "testing"))]
pub(crate) fn end_save<C>(connection: &mut C, keep: bool) -> QueryResult<()>
where
    C: Connection<Backend: Dialect, TransactionManager = AnsiTransactionManager>,
{
    if keep {
        return AnsiTransactionManager::commit_transaction(connection);
    }
    let status = AnsiTransactionManager::transaction_manager_status_mut(connection);
    if let Some(sql) = probe::<C::Backend>(status) {
        connection.batch_execute(&sql)?;
    }
    AnsiTransactionManager::rollback_transaction(connection)
}

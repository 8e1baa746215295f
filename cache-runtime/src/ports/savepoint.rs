//! Savepoints that are gone with their transaction, unseen by Diesel.

use diesel::connection::TransactionManagerStatus;

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

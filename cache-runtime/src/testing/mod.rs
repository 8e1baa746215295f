#![doc = include_str!("../../docs/TESTING_YOUR_APP.md")]

mod clock;
mod contracts;
mod database;
mod failing;
mod recorder;
mod recording;

use crate::adapters::in_process::InProcess;
use crate::facade::builder::Builder;
use crate::facade::cache::Cache;
use crate::ports::database::Database;
use crate::values::error::Result;

pub use clock::ManualClock;
pub use contracts::assert_contracts;
pub use database::{TestConnection, TestDatabase, TestTransaction};
pub use failing::{FailingStore, Operation};
pub use recorder::{Recorder, Seen, Told};
pub use recording::{RecordingDatabase, RecordingStore, RecordingTransaction};

impl<C: TestConnection> Cache<TestDatabase<C>>
where
    TestDatabase<C>: Database,
{
    /// Begins a cache over one connection and a transaction on it that never commits, with an
    /// in-process store of its own. Name the models, and build it.
    ///
    /// # Errors
    ///
    /// Those of [`TestDatabase::new`].
    pub fn for_test(connection: C) -> Result<Builder<TestDatabase<C>>> {
        Ok(Self::builder(TestDatabase::new(connection)?).store(InProcess::new()))
    }
}

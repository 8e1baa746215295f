//! The peer: an UPDATE by key with plain Diesel, in its strongest form.
//!
//! Sixteen connections that nobody checks when they are taken, each with its prepared statements;
//! one statement a write, and no transaction around it. SQLite has one writer at a time, so there the
//! peer is one thread with one connection, and nobody ever waits for a lock.

use std::sync::mpsc;

use cache_runtime::ports::BoxFuture;
use deadpool::managed::Pool;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::{AsyncConnection, AsyncMysqlConnection, AsyncPgConnection};
use tokio::sync::oneshot;

use crate::Fault;
use crate::load::Side;
use crate::models::{Direct, direct_pages};
use crate::sql::PRAGMAS;

/// Plain Diesel on a pool.
pub(crate) struct Pooled<C: AsyncConnection + 'static>(
    pub(crate) Pool<AsyncDieselConnectionManager<C>>,
)
where
    AsyncDieselConnectionManager<C>: deadpool::managed::Manager;

macro_rules! pooled {
    ($($connection:ty),*) => {$(
        impl Side for Pooled<$connection> {
            fn write(&self, id: i64, value: i64) -> BoxFuture<'_, Result<(), Fault>> {
                Box::pin(async move {
                    let mut connection = self.0.get().await?;
                    let update = diesel::update(direct_pages::table.find(id));
                    let update = update.set(Direct::new(id, value));
                    one(diesel_async::RunQueryDsl::execute(update, &mut *connection).await?)
                })
            }
        }
    )*};
}
pooled!(AsyncPgConnection, AsyncMysqlConnection);

fn one(written: usize) -> Result<(), Fault> {
    match written {
        1 => Ok(()),
        rows => Err(format!("an UPDATE by key changed {rows} rows").into()),
    }
}

type Job = (i64, i64, oneshot::Sender<QueryResult<usize>>);

/// Plain Diesel on a thread of its own.
pub(crate) struct Thread(mpsc::Sender<Job>);

impl Thread {
    pub(crate) fn start(path: &str) -> Result<Self, Fault> {
        let mut connection = SqliteConnection::establish(path)?;
        connection.batch_execute(PRAGMAS)?;
        let (sender, jobs) = mpsc::channel::<Job>();
        std::thread::spawn(move || {
            for (id, value, answer) in jobs {
                let update = diesel::update(direct_pages::table.find(id));
                let update = update.set(Direct::new(id, value));
                let _ = answer.send(update.execute(&mut connection));
            }
        });
        Ok(Self(sender))
    }
}

impl Side for Thread {
    fn write(&self, id: i64, value: i64) -> BoxFuture<'_, Result<(), Fault>> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            self.0.send((id, value, answer)).map_err(|_| "the thread of SQLite has ended")?;
            one(answered.await??)
        })
    }
}

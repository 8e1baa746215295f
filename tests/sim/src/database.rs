//! The database as a process sees it: each statement waits for the scheduler, which runs it on a
//! real connection. One transaction that writes at a time; the next begins when it has ended.

use std::any::TypeId;
use std::future::ready;
use std::sync::{Arc, Mutex};

use cache_runtime::ports::{BoxFuture, Database, Dialect, FromRow, Load, Transaction};
use cache_runtime::{Error, ErrorKind, Result};
use diesel::Connection;
use diesel::connection::{AnsiTransactionManager, LoadConnection, TransactionManager};

use crate::history::{Item, Row, Tables};
use crate::world::{Asked, Kind, Open, World};

/// A connection of Diesel's that can be simulated on.
pub trait Link:
    LoadConnection + Connection<Backend: Dialect, TransactionManager = AnsiTransactionManager> + 'static
{
}

impl<C> Link for C where
    C: LoadConnection
        + Connection<Backend: Dialect, TransactionManager = AnsiTransactionManager>
        + 'static
{
}

/// The connections of one thread, used by all its schedules: readers share one, and the one
/// transaction that writes has the other.
pub struct Links<C> {
    pub reader: C,
    pub writer: C,
}

pub type Shared<C> = Arc<Mutex<Links<C>>>;

/// All rows of the tables, past every cache, and as what is pending leaves them.
pub fn snapshot<C: Link>(link: &mut C) -> Result<Tables> {
    // One statement for all: it runs after each COMMIT.
    let number = |table: i64| format!("CAST({table} AS {})", <C::Backend as Dialect>::CAST_INTEGER);
    let sql = format!(
        "SELECT id || '|' || email || '|' || balance, {} AS t, id FROM accounts UNION ALL SELECT id \
         || '|' || account || '|' || amount, {}, id FROM items UNION ALL SELECT id || '', {}, id FROM \
         cache_events WHERE state = 0 UNION ALL SELECT kind || '|' || payload, {}, seq FROM \
         cache_outbox ORDER BY 2, 3",
        number(0),
        number(1),
        number(2),
        number(3)
    );
    let mut tables = Tables::default();
    for TableRow(text, table) in Load::<C::Backend, TableRow>::rows(sql).on(link)? {
        match table {
            0 => tables.rows.push(Row::parse(&text)),
            1 => tables.items.push(Item::parse(&text)),
            2 => tables.events.push(text.parse().unwrap()),
            _ => tables.apply(&text),
        }
    }
    Ok(tables)
}

/// A row as text, and the number of its table.
struct TableRow(String, i64);

impl<DB: Dialect> FromRow<DB> for TableRow {
    fn from_row<'a>(row: &impl diesel::row::Row<'a, DB>) -> diesel::deserialize::Result<Self> {
        let text = DB::text(row, 0)?.unwrap_or_default();
        Ok(Self(text, DB::integer(row, 1)?.unwrap_or_default()))
    }
}

pub fn begin<C: Link>(link: &mut C) -> Result<()> {
    let sql = <C::Backend as Dialect>::BEGIN_WRITE;
    Ok(AnsiTransactionManager::begin_transaction_sql(link, sql)?)
}

pub fn commit<C: Link>(link: &mut C) -> Result<()> {
    AnsiTransactionManager::commit_transaction(link).map_err(Error::from_commit)
}

/// Ends the transaction with all its savepoints.
pub fn roll_back<C: Link>(link: &mut C) -> Result<()> {
    while AnsiTransactionManager::transaction_manager_status_mut(link)
        .transaction_depth()
        .ok()
        .flatten()
        .is_some()
    {
        AnsiTransactionManager::rollback_transaction(link)?;
    }
    Ok(())
}

pub struct SimDatabase<C> {
    world: Arc<World>,
    process: usize,
    links: Shared<C>,
}

impl<C> SimDatabase<C> {
    pub fn new(world: Arc<World>, process: usize, links: Shared<C>) -> Self {
        Self { world, process, links }
    }

    fn asked(&self, kind: Kind, transaction: Option<u64>) -> Asked {
        Asked { process: self.process, kind, label: String::new(), transaction }
    }
}

impl<C> Clone for SimDatabase<C> {
    fn clone(&self) -> Self {
        Self::new(self.world.clone(), self.process, self.links.clone())
    }
}

/// What a statement of the runtime's own returns: text.
fn is_text<U: 'static>() -> bool {
    TypeId::of::<U>() == TypeId::of::<String>()
}

fn done<T: Send + 'static>(result: Result<T>) -> BoxFuture<'static, Result<T>> {
    Box::pin(ready(result))
}

impl<C: Link> Database for SimDatabase<C> {
    type Backend = C::Backend;
    type Transaction = SimTransaction<C>;

    async fn load<U: FromRow<C::Backend>>(&self, load: Load<C::Backend, U>) -> Result<Vec<U>> {
        let links = self.links.clone();
        let kind = if is_text::<U>() { Kind::Outcome } else { Kind::Load };
        let show = |rows: &Vec<U>| format!("{} rows", rows.len());
        let action = move || done(load.on(&mut links.lock().unwrap().reader));
        self.world.ask(self.asked(kind, None), show, action).await
    }

    async fn begin(&self) -> Result<SimTransaction<C>> {
        let this = self.clone();
        let action = move || {
            let begun = begin(&mut this.links.lock().unwrap().writer);
            done(begun.map(|()| {
                let number = {
                    let mut state = this.world.state();
                    let number = state.history.number();
                    state.open = Some(Open { number, process: this.process });
                    number
                };
                SimTransaction { database: this, number, ended: false }
            }))
        };
        self.world.ask(self.asked(Kind::Begin, None), |_| "begun".into(), action).await
    }

    async fn check(&self) -> Result<()> {
        Ok(())
    }
}

/// The transaction that writes.
pub struct SimTransaction<C: Link> {
    database: SimDatabase<C>,
    pub number: u64,
    ended: bool,
}

/// A statement that returns nothing.
pub struct Nothing;

impl<DB: Dialect> FromRow<DB> for Nothing {
    fn from_row<'a>(_: &impl diesel::row::Row<'a, DB>) -> diesel::deserialize::Result<Self> {
        Ok(Self)
    }
}

impl<C: Link> SimTransaction<C> {
    async fn ask<T: Send + 'static>(
        &self,
        kind: Kind,
        show: fn(&T) -> String,
        work: impl FnOnce(&mut C) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let links = self.database.links.clone();
        let action = move || done(work(&mut links.lock().unwrap().writer));
        self.database.world.ask(self.database.asked(kind, Some(self.number)), show, action).await
    }

    /// On its end, the transaction makes room for the next.
    fn closing(
        &self,
        work: impl FnOnce(&mut C, &World) -> Result<()> + Send + 'static,
    ) -> impl FnOnce() -> BoxFuture<'static, Result<()>> + Send + 'static {
        let (links, world, number) =
            (self.database.links.clone(), self.database.world.clone(), self.number);
        move || {
            let result = work(&mut links.lock().unwrap().writer, &world);
            world.state().close(number);
            done(result)
        }
    }
}

impl<C: Link> Transaction for SimTransaction<C> {
    type Backend = C::Backend;

    async fn load<U: FromRow<C::Backend>>(&mut self, load: Load<C::Backend, U>) -> Result<Vec<U>> {
        if is_text::<U>() {
            // The transaction's name. Only some databases are asked for it: at once, so that a
            // schedule is the same on all of them.
            return load.on(&mut self.database.links.lock().unwrap().writer);
        }
        let show = |rows: &Vec<U>| format!("{} rows", rows.len());
        self.ask(Kind::Statement, show, move |link| load.on(link)).await
    }

    async fn execute(&mut self, sql: &'static str) -> Result<()> {
        // Counts the version, on some databases: at once, likewise.
        Ok(self.database.links.lock().unwrap().writer.batch_execute(sql)?)
    }

    async fn save(&mut self) -> Result<()> {
        let work = |link: &mut C| Ok(AnsiTransactionManager::begin_transaction(link)?);
        self.ask(Kind::Save, |()| "done".into(), work).await
    }

    async fn end_save(&mut self, keep: bool) -> Result<()> {
        let work = move |link: &mut C| match keep {
            true => Ok(AnsiTransactionManager::commit_transaction(link)?),
            false => Ok(AnsiTransactionManager::rollback_transaction(link)?),
        };
        self.ask(Kind::EndSave, |()| "done".into(), work).await
    }

    async fn commit(mut self) -> Result<()> {
        let number = self.number;
        let action = self.closing(move |link, world| {
            commit(link)?;
            let tables = snapshot(link)?;
            world.state().history.commit(world.time.now(), tables, number);
            Ok(())
        });
        let asked = self.database.asked(Kind::Commit, Some(self.number));
        let result = self.database.world.ask(asked, |()| "committed".into(), action).await;
        self.ended = true;
        result
    }

    async fn rollback(mut self) -> Result<()> {
        let action = self.closing(|link, _| roll_back(link));
        let asked = self.database.asked(Kind::Rollback, Some(self.number));
        let result = self.database.world.ask(asked, |()| "undone".into(), action).await;
        self.ended = true;
        result
    }
}

impl<C: Link> Drop for SimTransaction<C> {
    fn drop(&mut self) {
        let asked = self.database.asked(Kind::Undo, Some(self.number));
        let state = self.database.world.state();
        let open = state.open.is_some_and(|open| open.number == self.number);
        let crashed = state.crashed.contains(&self.database.process);
        drop(state);
        if !self.ended && open && !crashed {
            let action = self.closing(|link, _| roll_back(link));
            self.database.world.ask_later(asked, action);
        }
    }
}

/// What a connection that broke gives.
pub fn broken(kind: ErrorKind) -> Error {
    Error::new(kind, "the simulation broke this operation")
}

//! What clients do, on the models of each mode.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache_runtime::ports::Store;
use cache_runtime::{Cache, Error, ErrorKind, Result, models};
use cache_tests::account::accounts;
use cache_tests::modes::{
    aside, fenced, fenced_through, through, validated, validated_through, versioned, versions,
};
use diesel::prelude::*;

use crate::clock::{SimClock, SimTokens};
use crate::database::{Server, SimDatabase};
use crate::history::{Ack, History, Read};
use crate::scheduler::{Dice, Sim};
use crate::store::SimStore;

/// A model under a pattern and a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Cache-aside, eventual, and so on.
    Aside,
    Through,
    Versioned,
    Fenced,
    FencedThrough,
    Validated,
    ValidatedThrough,
}

impl Mode {
    pub const ALL: [Self; 7] = [
        Self::Aside,
        Self::Through,
        Self::Versioned,
        Self::Fenced,
        Self::FencedThrough,
        Self::Validated,
        Self::ValidatedThrough,
    ];

    pub fn is_fenced(self) -> bool {
        matches!(self, Self::Fenced | Self::FencedThrough)
    }

    pub fn is_validated(self) -> bool {
        matches!(self, Self::Validated | Self::ValidatedThrough)
    }

    pub fn has_version(self) -> bool {
        self.is_validated() || self == Self::Versioned
    }
}

/// How long an entry of these models may live.
pub const TTL: Duration = Duration::from_secs(600);
pub const KEYS: [i64; 2] = [1, 2];
const EMAILS: [&str; 3] = ["a", "b", "c"];

/// What the clients of a schedule share.
pub struct World<C> {
    pub sim: Sim,
    pub server: Arc<Server<C>>,
    pub store: Arc<dyn Store>,
    pub namespace: String,
    pub seed: u64,
    pub history: Arc<Mutex<History>>,
    /// The next balance: none is written twice, so that a value tells its write.
    pub next: Arc<Mutex<i64>>,
}

type Done<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// A simulated process: a cache of its own.
pub trait Process: Send + Sync {
    /// Does one thing, by the dice.
    fn act<'a>(&'a self, dice: &'a mut Dice) -> Done<'a>;

    /// Reads these rows and notes what was seen.
    fn look<'a>(&'a self, keys: &'a [i64], what: &'static str) -> Done<'a>;
}

macro_rules! open {
    ($connection:ty, $world:expr, $process:expr, $model:ident) => {{
        let (world, process) = ($world, $process);
        let (sim, server) = (world.sim.clone(), world.server.clone());
        let clock = Arc::new(SimClock { sim: sim.clone(), process });
        Cache::builder(SimDatabase::<$connection> { server, sim: sim.clone(), process })
            .store(SimStore::new(world.store.clone(), sim, process))
            .models(models![$model::Account])
            .namespace(world.namespace.clone())
            .clock(clock)
            .tokens(SimTokens::new(world.seed, process))
            .build()
            .await
            .unwrap()
    }};
}

macro_rules! look {
    ($self:ident, $keys:ident, $what:ident) => {{
        let world = &$self.world;
        let (began, began_at) = (world.sim.tick(), world.sim.now());
        let found = match $what {
            "find" => $self.rows.find($keys[0]).await.map(|row| vec![row]),
            "refresh" => $self.rows.refresh($keys[0]).await.map(|row| vec![row]),
            "uncached" => $self.rows.find_uncached($keys[0]).await.map(|row| vec![row]),
            _ => $self.rows.find_many($keys).await,
        };
        let ended = world.sim.tick();
        let Ok(found) = found else { return };
        let mut history = world.history.lock().unwrap();
        for (key, row) in $keys.iter().zip(found) {
            let balance = row.map(|row| row.balance);
            world.sim.note(|| format!("{} of key {key}: {balance:?}", $what));
            let (key, what) = (*key, $what);
            history.reads.push(Read { key, began, began_at, ended, balance, what });
        }
    }};
}

macro_rules! act {
    ($self:ident, $dice:ident, $model:ident, $table:ident) => {{
        let (world, rows) = (&$self.world, &$self.rows);
        let key = KEYS[$dice.below(KEYS.len())];
        let email = format!("{}{key}", EMAILS[$dice.below(EMAILS.len())]);
        let balance = world.fresh_balance();
        let set = || $model::AccountChanges { balance: Some(balance), email: None };
        // The email of a key is its own, so that no write is refused for it.
        let new = || $model::NewAccount { id: key, email: email.clone(), balance };
        let began = world.sim.tick();
        let acked = match $dice.below(20) {
            0..6 => return $self.look(&[key], "find").await,
            6 => return $self.look(&KEYS, "find_many").await,
            7 => return $self.look(&[key], "refresh").await,
            8 => return $self.look(&[key], "uncached").await,
            9 => {
                if let Ok(Some(row)) = rows.find_by_email(email.as_str()).await
                    && row.email != email
                {
                    world.wrong(format!("found by {email}: {row:?}"));
                }
                return;
            }
            10 => rows.insert(new()).await.map(|row| Some(Some(row.balance))),
            11 => rows.delete(key).await.map(|row| row.map(|_| None)),
            12 => rows.upsert(key, new(), set()).await.map(|row| Some(Some(row.balance))),
            13 => {
                let renamed = $model::AccountChanges { email: Some(email.clone()), ..set() };
                rows.update(key, renamed).await.map(|row| row.map(|row| Some(row.balance)))
            }
            14 => {
                let changed = rows.update_where($table::id.eq(key), set()).await;
                changed.map(|rows| rows.first().map(|row| Some(row.balance)))
            }
            15 => {
                let done = $self.cache.transaction(async |tx| {
                    let row = tx.repository::<$model::Account>().update(key, set()).await?;
                    let own = tx.repository::<$model::Account>().find(key).await?;
                    if own != row {
                        world.wrong(format!("in a transaction {own:?}, not {row:?}"));
                    }
                    let undone: Result<()> = tx
                        .savepoint(async |tx| {
                            let other =
                                $model::AccountChanges { balance: Some(-balance), email: None };
                            tx.repository::<$model::Account>().update(key, other).await?;
                            Err(Error::new(ErrorKind::Conflict, "undone"))
                        })
                        .await;
                    drop(undone);
                    Ok::<_, Error>(row.map(|row| Some(row.balance)))
                });
                done.await
            }
            _ => rows.update(key, set()).await.map(|row| row.map(|row| Some(row.balance))),
        };
        let ended = world.sim.tick();
        if let Ok(Some(balance)) = acked {
            world.sim.note(|| format!("key {key} acknowledged at {balance:?}"));
            world.history.lock().unwrap().acks.push(Ack { key, began, ended, balance });
        }
    }};
}

/// The processes of one mode on one kind of connection.
macro_rules! workload {
    ($name:ident, $connection:ty: $($mode:ident: $model:ident, $table:ident;)*) => {
        /// Starts a process of this mode.
        pub async fn $name(
            mode: Mode,
            world: &Arc<World<$connection>>,
            process: usize,
        ) -> Arc<dyn Process> {
            match mode {
                $(Mode::$mode => {
                    let cache = open!($connection, world, process, $model);
                    let rows = cache.repository::<$model::Account>();
                    Arc::new($name::$mode { world: world.clone(), cache, rows })
                })*
            }
        }

        mod $name {
            use super::*;

            $(
                pub struct $mode {
                    pub world: Arc<World<$connection>>,
                    pub cache: Cache<SimDatabase<$connection>>,
                    pub rows: $model::AccountRepository<SimDatabase<$connection>>,
                }

                impl Process for $mode {
                    fn act<'a>(&'a self, dice: &'a mut Dice) -> Done<'a> {
                        Box::pin(async move { act!(self, dice, $model, $table) })
                    }

                    fn look<'a>(&'a self, keys: &'a [i64], what: &'static str) -> Done<'a> {
                        Box::pin(async move { look!(self, keys, what) })
                    }
                }
            )*
        }
    };
}

impl<C> World<C> {
    fn fresh_balance(&self) -> i64 {
        let mut next = self.next.lock().unwrap();
        *next += 1;
        *next
    }

    fn wrong(&self, what: String) {
        self.history.lock().unwrap().wrong.push(what);
    }
}

macro_rules! all_modes {
    ($($name:ident: $connection:ty;)*) => {$(
        workload! {
            $name, $connection:
            Aside: aside, accounts;
            Through: through, accounts;
            Versioned: versioned, versions;
            Fenced: fenced, accounts;
            FencedThrough: fenced_through, accounts;
            Validated: validated, versions;
            ValidatedThrough: validated_through, versions;
        }
    )*};
}

all_modes! {
    sqlite: SqliteConnection;
    postgres: PgConnection;
}

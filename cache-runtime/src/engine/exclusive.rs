//! One process alone: a store inside the process keeps strict promises only if no other process
//! has one over the same database.
//!
//! The claim is a lock that ends with its holder, whatever becomes of it: on PostgreSQL an
//! advisory lock of a transaction that stays open, on MySQL one of its connection, beside a SQLite
//! file a lock file. Caches of one
//! process may share the claim, if they share the store.

use std::collections::HashMap;
use std::fs::File;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use super::switch::Switch;
use crate::ports::clock::Clock;
use crate::ports::database::{Claim, Database, Dialect, Transaction};
use crate::ports::load::Load;
use crate::values::error::{Error, ErrorKind, Result};

/// How often a lock that a connection holds is looked at.
const BEAT: Duration = Duration::from_secs(1);
/// How often a lock that is taken is asked for, and the pause between.
const TRIES: usize = 20;
const PAUSE: Duration = Duration::from_millis(50);
/// How long to wait for a connection beside the one that holds the lock.
const PATIENCE: Duration = Duration::from_secs(5);

/// A claim, for as long as it lives.
pub(crate) struct Exclusive {
    /// The store that the claim is for.
    instance: u64,
    /// Closed, it gives the lock back.
    _file: Option<File>,
    /// Gone, it ends the task that holds the lock's transaction.
    _alive: Option<tokio::sync::oneshot::Sender<()>>,
}

/// The claims of this process, by what they are on.
static CLAIMS: Mutex<Option<HashMap<String, Weak<Exclusive>>>> = Mutex::new(None);

/// Claims the database for the store `instance` of this process. `lost` is switched off if the
/// claim ends before its holder does.
pub(crate) async fn claim<D: Database>(
    database: &D,
    clock: &Arc<dyn Clock>,
    namespace: &str,
    instance: u64,
    lost: &Switch,
) -> Result<Option<Arc<Exclusive>>> {
    let place = text(database, <D::Backend as Dialect>::PLACE).await?;
    if place.is_empty() {
        // In memory: no other process can reach it.
        return Ok(None);
    }
    let name = format!("{place} {namespace}");
    if let Some(held) = held(&name) {
        return if held.instance == instance { Ok(Some(held)) } else { Err(taken("this process")) };
    }
    let claim = match <D::Backend as Dialect>::claim(namespace) {
        Claim::File => {
            let path = format!("{place}-cache-lock");
            let file = File::create(&path).map_err(|source| {
                Error::new(ErrorKind::Configuration, format!("the lock file {path} cannot be made"))
                    .with_source(source)
            })?;
            file.try_lock().map_err(|_| taken("another process"))?;
            Exclusive { instance, _file: Some(file), _alive: None }
        }
        Claim::Lock { take: sql, give_back } => {
            let mut transaction = database.begin().await?;
            if !take(&mut transaction, clock, &sql).await? {
                let _ = transaction.rollback().await;
                return Err(taken("another process"));
            }
            one_more_connection(database, clock).await?;
            let (alive, ended) = tokio::sync::oneshot::channel();
            tokio::spawn(keep(transaction, give_back, clock.clone(), ended, lost.clone()));
            Exclusive { instance, _file: None, _alive: Some(alive) }
        }
    };
    let claim = Arc::new(claim);
    CLAIMS.lock().get_or_insert_default().insert(name, Arc::downgrade(&claim));
    Ok(Some(claim))
}

fn held(name: &str) -> Option<Arc<Exclusive>> {
    CLAIMS.lock().as_ref()?.get(name)?.upgrade()
}

async fn text<D: Database>(database: &D, sql: &'static str) -> Result<String> {
    Ok(database.load(Load::<_, String>::rows(sql)).await?.pop().unwrap_or_default())
}

/// Whether the lock could be had. A holder that ends gives it back a moment later.
async fn take<T: Transaction>(
    transaction: &mut T,
    clock: &Arc<dyn Clock>,
    sql: &str,
) -> Result<bool> {
    for _ in 0..TRIES {
        let answer: Vec<String> = transaction.load(Load::rows(sql)).await?;
        if answer.first().is_some_and(|answer| answer == "true") {
            return Ok(true);
        }
        clock.sleep(PAUSE).await;
    }
    Ok(false)
}

/// A pool of one would have nothing left.
async fn one_more_connection<D: Database>(database: &D, clock: &Arc<dyn Clock>) -> Result<()> {
    tokio::select! {
        biased;
        checked = database.check() => checked,
        () = clock.sleep(PATIENCE) => Err(Error::new(
            ErrorKind::Configuration,
            "a strict model on an in-process store holds one connection for its lock; let the pool \
             have one more",
        )),
    }
}

/// Holds the lock's transaction, and sees to it that it is still there.
async fn keep<T: Transaction>(
    mut transaction: T,
    give_back: Option<String>,
    clock: Arc<dyn Clock>,
    mut ended: tokio::sync::oneshot::Receiver<()>,
    lost: Switch,
) {
    loop {
        tokio::select! {
            biased;
            _ = &mut ended => break,
            () = clock.sleep(BEAT) => {}
        }
        let beat: Result<Vec<String>> = transaction.load(Load::rows("SELECT 'true'")).await;
        if let Err(error) = beat {
            tracing::error!(
                %error,
                "the lock of the in-process store is lost: the cache is off until this \
                 process is started anew"
            );
            lost.close();
            return;
        }
    }
    if let Some(sql) = give_back {
        let given: Result<Vec<String>> = transaction.load(Load::rows(sql)).await;
        if given.is_err() {
            // Dropped, the transaction takes the connection with it, and that the lock.
            return;
        }
    }
    let _ = transaction.rollback().await;
}

fn taken(by: &str) -> Error {
    Error::new(
        ErrorKind::Configuration,
        format!(
            "{by} has an in-process store with strict models over this database already; processes \
             that share a database need a shared store such as Redis, and caches of one process \
             share one with `Builder::shared_store`"
        ),
    )
}

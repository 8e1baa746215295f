//! The cache for applications without an async runtime of their own.
//!
//! One adapter over the one engine: whatever a repository does, [`Blocking::run`] waits for it.
//! There is no second, synchronous API to keep in step.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder as RuntimeBuilder, Handle, Runtime};

use super::builder::Builder;
use super::cache::Cache;
use super::repository::Cached;
use super::shutdown::Drained;
use crate::ports::database::Database;
use crate::ports::model::Statements;
use crate::values::error::{Error, ErrorKind, Result};

/// Threads of the runtime that a [`Blocking`] brings. They only wait for sockets and timers;
/// statements of r2d2 connections run on threads beside them.
const WORKERS: usize = 2;

/// A cache and the runtime that it lives on, for code that is not async.
///
// Opens the code block with a table of accounts, out of sight.
#[doc = include_str!("example.md")]
/// # fn main() -> Result<(), Error> {
/// # let pool = database()?;
/// let blocking = Cache::builder(pool)
///     .store(InProcess::new())
///     .models(models![Account])
///     .build_blocking()?;
/// let accounts = blocking.repository::<Account>();
///
/// let row = blocking.run(accounts.find(1))?;
/// assert_eq!(row.unwrap().balance, 5);
/// blocking.run(blocking.cache().transaction(async |tx| {
///     tx.repository::<Account>().update(1, AccountChanges { balance: 6 }).await
/// }))?;
/// blocking.wait(accounts.invalidate(1))?; // what cannot fail by itself
/// # Ok(())
/// # }
/// ```
///
/// Cheap to clone, and shared: any thread may wait, many at once. Loads go on, and missed
/// invalidations are retried, while nobody waits.
///
/// On a thread that runs async tasks, waiting would keep those tasks from running, so it is
/// refused with [`ErrorKind::Configuration`]: `.await` there, or wait inside of
/// `tokio::task::spawn_blocking`.
pub struct Blocking<D: Database> {
    cache: Cache<D>,
    handle: Handle,
    /// The runtime, where this brought its own.
    own: Option<Arc<Own>>,
}

impl<D: Database> Clone for Blocking<D> {
    fn clone(&self) -> Self {
        Self { cache: self.cache.clone(), handle: self.handle.clone(), own: self.own.clone() }
    }
}

impl<D: Database> Builder<D> {
    /// Checks everything and opens the cache, on a runtime of its own: for applications that
    /// have none.
    ///
    /// # Errors
    ///
    /// Those of [`build`](Self::build). [`ErrorKind::Configuration`] also on a thread that runs
    /// async tasks, and if the system gives no threads.
    pub fn build_blocking(self) -> Result<Blocking<D>> {
        let own = Own::start()?;
        let handle = own.handle()?;
        let cache = wait(&handle, self.build())??;
        Ok(Blocking { cache, handle, own: Some(Arc::new(own)) })
    }
}

impl<D: Database> Cache<D> {
    /// This cache for the blocking parts of an async application: for its threads, and for
    /// `spawn_blocking`. Call it on the runtime that the cache was built on; the result can go
    /// anywhere.
    ///
    /// On a `current_thread` runtime, waiting makes progress only while that runtime's own
    /// thread is in its `block_on`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] outside of a runtime.
    pub fn blocking(&self) -> Result<Blocking<D>> {
        let handle = Handle::try_current().map_err(|source| {
            Error::new(
                ErrorKind::Configuration,
                "there is no runtime here; call `blocking` on the runtime that the cache was \
                 built on, or use `build_blocking`, which brings its own",
            )
            .with_source(source)
        })?;
        Ok(Blocking { cache: self.clone(), handle, own: None })
    }
}

impl<D: Database> Blocking<D> {
    /// The cache.
    pub fn cache(&self) -> &Cache<D> {
        &self.cache
    }

    /// The repository of a model.
    ///
    /// # Panics
    ///
    /// If the model is not among those given to the builder.
    #[must_use]
    pub fn repository<M: Cached + Statements<D::Backend>>(&self) -> M::Repository<D> {
        self.cache.repository::<M>()
    }

    /// Waits for `work`, which runs on this thread.
    ///
    /// # Errors
    ///
    /// Those of `work`. [`ErrorKind::Configuration`] on a thread that runs async tasks; `work`
    /// has not begun then.
    pub fn run<T, E: From<Error>>(&self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        self.wait(work)?
    }

    /// The same, for work that cannot fail by itself.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] on a thread that runs async tasks; `work` has not begun then.
    pub fn wait<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        wait(&self.handle, work)
    }

    /// As [`Cache::shutdown`]. A runtime of its own ends with the last clone, and what is then
    /// still under way is lost.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] on a thread that runs async tasks.
    pub fn shutdown(self, deadline: Duration) -> Result<Drained> {
        self.wait(self.cache.shutdown(deadline))
    }
}

fn wait<T>(handle: &Handle, work: impl Future<Output = T>) -> Result<T> {
    // Without a runtime around, this is no thread of one.
    if Handle::try_current().is_ok() {
        // A thread that runs tasks and one of `spawn_blocking` look alike from outside. tokio
        // alone knows, and tells by a panic: so it is asked with work that does nothing, where a
        // panic can have no other cause. `work` itself is not run under `catch_unwind`, so that
        // its own panics stay what they are.
        catch_unwind(AssertUnwindSafe(|| handle.block_on(async {}))).map_err(|_| {
            Error::new(
                ErrorKind::Configuration,
                "this thread runs async tasks, and waiting would stop them; `.await` the \
                 repository here, or wait inside of `tokio::task::spawn_blocking`",
            )
        })?;
    }
    Ok(handle.block_on(work))
}

/// A runtime that may be dropped anywhere. tokio's own panics where that happens on a thread
/// that runs tasks.
struct Own(Option<Runtime>);

impl Own {
    fn start() -> Result<Self> {
        let runtime = RuntimeBuilder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("diesel-cache")
            .enable_all()
            .build();
        runtime.map(|runtime| Self(Some(runtime))).map_err(|source| {
            Error::new(
                ErrorKind::Configuration,
                "the threads of the cache could not be started; raise the limit on threads",
            )
            .with_source(source)
        })
    }

    fn handle(&self) -> Result<Handle> {
        let handle = self.0.as_ref().map(|runtime| runtime.handle().clone());
        handle.ok_or_else(|| Error::new(ErrorKind::Abandoned, "the runtime has ended"))
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

//! The application's own transactions, on connections of its own.

use std::sync::Arc;

use diesel::connection::LoadConnection;

use super::cache::Cache;
use super::repository::Cached;
use crate::engine::debt::{Need, Touch, remove};
use crate::engine::dependents::Later;
use crate::engine::keeper::Keeper;
use crate::engine::outbox;
use crate::engine::session::Session;
use crate::engine::view::{Pin, unregistered};
use crate::patterns::write::touched_raw;
use crate::ports::database::{Database, Dialect};
use crate::ports::load::Load;
use crate::ports::model::{Concealed, Statements};
use crate::values::error::{Error, ErrorKind, Result};
use crate::values::key::AsKey;
use crate::values::policy::Consistency;

impl<D: Database> Cache<D> {
    /// Says that the application's own transaction on `connection` changes, or has changed, the
    /// rows with these keys. To be followed by [`Touched::committed`] once it has committed.
    ///
    // Opens the code block with a table of accounts, out of sight.
    #[doc = include_str!("example.md")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// # let (pool, cache) = cached().await?;
    /// # assert_eq!(cache.repository::<Account>().find(1).await?.unwrap().balance, 5);
    /// let touched = pool.get()?.transaction(|connection| {
    ///     diesel::update(accounts::table.find(1)).set(accounts::balance.eq(7)).execute(connection)?;
    ///     cache.touch::<Account>(connection, [1])
    /// })?;
    /// touched.committed().await;
    /// # assert_eq!(cache.repository::<Account>().find(1).await?.unwrap().balance, 7);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Where unique values change, call it before the change and after it.
    ///
    /// # Consistency
    ///
    /// `eventual` and `bounded`, for models that are: once `committed` has answered, readers in
    /// every process see the change; a crash between the commit and that step costs at most the
    /// ttl, or the bound, whose row in the outbox this writes on `connection`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] if the model is strict: its fences would have to stand before
    /// the application commits, or its version be counted on. Use [`transaction`] for it, or
    /// [`pinned_transaction`] where the code takes a connection. [`ErrorKind::Unregistered`] if
    /// contracts are registered and this process is not, at present.
    ///
    /// [`transaction`]: Self::transaction
    /// [`pinned_transaction`]: Self::pinned_transaction
    pub fn touch<M: Cached + Statements<D::Backend>>(
        &self,
        connection: &mut impl LoadConnection<Backend = D::Backend>,
        keys: impl IntoIterator<Item = impl AsKey<M::Key>>,
    ) -> Result<Touched> {
        if matches!(M::DESCRIPTOR.policy.promise(), Consistency::Fenced | Consistency::Validated) {
            return Err(Error::new(
                ErrorKind::Configuration,
                format!(
                    "`{}` is strict, which a transaction of the application's own cannot keep; use \
                     `cache.transaction`, or `cache.pinned_transaction` where the code takes a \
                     connection",
                    M::DESCRIPTOR.model
                ),
            ));
        }
        let pin = self.ledger().pin()?;
        if let Some(pin) = &pin {
            let check = Load::<_, String>::rows(pin.check(<D::Backend as Dialect>::SHARE_ROWS));
            if check.on(connection)?.is_empty() {
                return Err(unregistered());
            }
        }
        let keys: Vec<M::Key> = keys.into_iter().map(|key| key.to_key()).collect();
        let rows = Load::select(M::among(keys.clone()));
        let mut touched = Touched::of(&self.keeper::<M>(), connection, keys, rows)?;
        touched.pins.extend(pin);
        touched.touches.iter_mut().for_each(|touch| touch.need = Need::Removal);
        // Bounded, it commits with the change.
        if let Some(sql) = outbox::insert(touched.touches.iter().map(|touch| &touch.key)) {
            Load::<_, String>::run(sql).on(connection)?;
        }
        Ok(touched)
    }
}

/// What a transaction of the application's own has touched.
///
/// Dropped without a word, its entries are invalidated all the same, as the transaction may have
/// committed.
#[must_use = "say `committed().await` once the transaction has committed"]
#[derive(Default)]
pub struct Touched {
    touches: Vec<Touch>,
    later: Vec<Later>,
    /// What its transactions began under, where contracts are registered.
    pins: Vec<Arc<Pin>>,
}

impl Touched {
    /// What raw statements on a connection at hand do to the rows with these keys, which `rows`
    /// reads.
    pub(super) fn of<M: Statements<D::Backend>, D: Database>(
        keeper: &Arc<Keeper<M, D>>,
        connection: &mut impl LoadConnection<Backend = D::Backend>,
        keys: Vec<M::Key>,
        rows: Load<D::Backend, M>,
    ) -> Result<Self> {
        let mut touches = touched_raw(keeper, &keys, rows.on(connection)?);
        if !M::DESCRIPTOR.concealed.lookups.is_empty() {
            let load = Load::<_, Concealed<M>>::concealed(M::among(keys.clone()));
            touches.extend(keeper.concealed(load.on(connection)?));
        }
        Ok(Self { touches, later: keeper.dependents.later(keys), pins: Vec::new() })
    }

    /// Leaves them to a transaction of the cache.
    pub(super) fn leave_to<D: Database>(mut self, session: &mut Session<D>) {
        session.touch(std::mem::take(&mut self.touches));
        std::mem::take(&mut self.later).into_iter().for_each(|later| session.later(later));
    }

    /// The same, and what else the transaction touched.
    pub fn and(mut self, mut other: Self) -> Self {
        self.touches.append(&mut other.touches);
        self.later.append(&mut other.later);
        self.pins.append(&mut other.pins);
        self
    }

    /// The transaction has committed: its entries are invalidated before this returns, or, if
    /// the store is away, as soon as it answers.
    pub async fn committed(mut self) {
        // On a task of its own, as the caller may give up.
        let _ = tokio::spawn(self.settle()).await;
    }

    /// The transaction was rolled back: nothing has changed.
    pub fn rolled_back(mut self) {
        self.touches.clear();
        self.later.clear();
    }

    /// Takes what was touched; the future invalidates it.
    fn settle(&mut self) -> impl Future<Output = ()> + Send + use<> {
        let (touches, later) = (std::mem::take(&mut self.touches), std::mem::take(&mut self.later));
        let pins = std::mem::take(&mut self.pins);
        let ticket = touches.first().map(|touch| touch.invalidator.ticket());
        async move {
            remove(touches).await;
            for later in later {
                later().await;
            }
            drop((ticket, pins));
        }
    }
}

impl Drop for Touched {
    fn drop(&mut self) {
        if self.touches.is_empty() && self.later.is_empty() {
            return;
        }
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(self.settle())),
            Err(_) => tracing::error!(
                "touched entries were dropped outside of a runtime; the ttl covers them"
            ),
        }
    }
}

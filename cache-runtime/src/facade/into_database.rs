//! What an application may give as its database.

use crate::ports::database::Database;

/// What can be the database of a cache: a pool, or an implementation of [`Database`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a pool that the cache knows",
    note = "r2d2: `diesel::r2d2::Pool<ConnectionManager<..>>`, with the feature `r2d2`",
    note = "diesel-async: its deadpool `Pool<..>`, with the feature `diesel-async`",
    note = "either with the feature of its database: `sqlite`, `postgres` or `mysql`"
)]
pub trait IntoDatabase {
    /// The database made of it.
    type Database: Database;

    /// Makes the database.
    fn into_database(self) -> Self::Database;
}

#[diagnostic::do_not_recommend]
impl<D: Database> IntoDatabase for D {
    type Database = D;

    fn into_database(self) -> D {
        self
    }
}

#[cfg(feature = "r2d2")]
impl<C> IntoDatabase for diesel::r2d2::Pool<diesel::r2d2::ConnectionManager<C>>
where
    C: diesel::r2d2::R2D2Connection + 'static,
    crate::adapters::r2d2::R2d2<C>: Database,
{
    type Database = crate::adapters::r2d2::R2d2<C>;

    fn into_database(self) -> Self::Database {
        crate::adapters::r2d2::R2d2::new(self)
    }
}

#[cfg(feature = "diesel-async")]
impl<M> IntoDatabase for deadpool::managed::Pool<M>
where
    M: deadpool::managed::Manager,
    crate::adapters::diesel_async::Deadpool<M>: Database,
{
    type Database = crate::adapters::diesel_async::Deadpool<M>;

    fn into_database(self) -> Self::Database {
        crate::adapters::diesel_async::Deadpool::new(self)
    }
}

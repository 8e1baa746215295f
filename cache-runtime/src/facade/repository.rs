//! The typed door to one model's rows. The derive wraps it in a type of its own.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::ports::database::Database;
use crate::ports::model::{Model, Statements};
use crate::values::error::Result;
use crate::values::key::{AsKey, KeyParts};

/// A model with a generated repository. Implemented by `#[derive(Cached)]`.
pub trait Cached: Model {
    /// The generated repository.
    type Repository<D: Database>: From<Repository<Self, D>>;
}

/// A model's rows, read and written through the cache.
pub struct Repository<M, D>(PhantomData<(M, D)>);

impl<M, D> Clone for Repository<M, D> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

impl<M: Statements<D::Backend>, D: Database> Repository<M, D> {
    pub async fn find(&self, _key: impl AsKey<M::Key>) -> Result<Option<Arc<M>>> {
        Ok(None)
    }
    #[doc(hidden)]
    pub async fn find_by(
        &self,
        _lookup: usize,
        _parts: &(impl KeyParts + Sync),
        _owned: impl FnOnce() -> M::Lookup + Send,
    ) -> Result<Option<Arc<M>>> {
        Ok(None)
    }
}

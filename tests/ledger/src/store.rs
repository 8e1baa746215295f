//! The real store, with a point before, in and after each call that a write makes.

use std::sync::Arc;

use cache_rig::{Around, AroundStore, StoreCall};
use cache_runtime::Result;
use cache_runtime::ports::{BoxFuture, Store};

use crate::failpoints::{Call, Failpoints};

/// A store whose calls pass points.
pub(crate) type MortalStore = AroundStore<Points>;

/// The points of this process.
pub(crate) struct Points(Arc<Failpoints>);

pub(crate) fn mortal(store: impl Store, points: Arc<Failpoints>) -> MortalStore {
    AroundStore::new(Arc::new(store), Points(points))
}

impl Around for Points {
    fn around<'a, T: Send + 'a>(
        &'a self,
        call: StoreCall,
        run: BoxFuture<'a, Result<T>>,
    ) -> BoxFuture<'a, Result<T>> {
        match call {
            StoreCall::Invalidate => run,
            StoreCall::Fence => Box::pin(self.0.around(Call::Fence, run)),
            StoreCall::Lift => Box::pin(self.0.around(Call::Lift, run)),
        }
    }
}

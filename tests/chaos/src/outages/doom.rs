//! The real store, before whose next message about a write this process may have to die: that write
//! has committed then, and nobody hears of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cache_rig::death::kill;
use cache_rig::{Around, AroundStore, StoreCall};
use cache_runtime::EntryKey;
use cache_runtime::ports::Store;

/// Whether this process is to die at that point.
#[derive(Default)]
pub(super) struct Doom(AtomicBool);

impl Doom {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// The same, as what is around a store.
pub(super) struct Doomed(Arc<Doom>);

impl Doomed {
    pub(super) fn store(inner: impl Store, doom: Arc<Doom>) -> AroundStore<Self> {
        AroundStore::new(Arc::new(inner), Self(doom))
    }
}

impl Around for Doomed {
    /// A write is about to tell the store, of these entries among others. What is told of validated
    /// rows may follow a read, and is let pass.
    fn before(&self, call: StoreCall, mut keys: &mut dyn Iterator<Item = &EntryKey>) {
        if call != StoreCall::Fence
            && self.0.0.load(Ordering::SeqCst)
            && Iterator::any(&mut keys, EntryKey::is_watermarked)
        {
            kill();
        }
    }
}

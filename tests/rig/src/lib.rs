//! What the rigs of real servers share.

mod around;
pub mod clock;
pub mod death;

pub use around::{Around, AroundStore, StoreCall};

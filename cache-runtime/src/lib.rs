#![doc = include_str!("../../docs/RUNTIME.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod adapters;
mod facade;
pub mod ports;
mod values;

#[cfg(feature = "bincode")]
pub use adapters::bincode::Bincode;
pub use adapters::in_process::InProcess;
pub use adapters::null::Null;
#[cfg(feature = "postcard")]
pub use adapters::postcard::Postcard;
#[cfg(feature = "redis")]
pub use adapters::redis::Redis;
pub use adapters::system::{RandomTokens, SystemClock};
#[doc(inline)]
pub use cache_derive::{CacheKey, Cached};
pub use facade::repository::Cached;
pub use ports::database::Database;
#[doc(inline)]
pub use values::envelope as wire;
pub use values::error::{Error, ErrorKind, Result};
#[cfg(feature = "mutants")]
#[doc(hidden)]
pub use values::guard;
pub use values::key::{AsKey, EntryKey, Key, KeyParts, KeyWriter};
pub use values::moment::Moment;
pub use values::token::Token;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

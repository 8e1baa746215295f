#![doc = include_str!("../docs/RUNTIME.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod adapters;
mod facade;
mod ports;
mod values;

#[doc(inline)]
pub use cache_derive::{CacheKey, Cached};
pub use facade::repository::Cached;
pub use ports::database::Database;
pub use values::error::{Error, ErrorKind, Result};
pub use values::key::{AsKey, Key, KeyParts, KeyWriter};

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

//! Which codec writes entries, and which others are read.

use std::sync::Arc;

use crate::ports::codec::Codec;
use crate::values::error::{Error, ErrorKind, Result};

/// A codec, built in or not.
type Shared = Arc<dyn Codec>;

/// The writer, the application's own before any other, and those that are only read.
pub(super) fn codecs(own: Option<Shared>) -> Result<(Shared, Vec<Shared>)> {
    let mut built_in = built_in();
    let writer = match own {
        Some(codec) => codec,
        None if built_in.is_empty() => {
            return Err(Error::new(
                ErrorKind::Configuration,
                "no codec is built in; turn on the feature `bincode` or `postcard`, or give \
                 one with `.codec(..)`",
            ));
        }
        None => built_in.remove(0),
    };
    Ok((writer, built_in))
}

fn built_in() -> Vec<Shared> {
    vec![
        #[cfg(feature = "bincode")]
        Arc::new(crate::adapters::bincode::Bincode),
        #[cfg(feature = "postcard")]
        Arc::new(crate::adapters::postcard::Postcard),
    ]
}

//! The derive macros of cache-runtime. Depend on cache-runtime, which
//! re-exports them; `docs/ATTRIBUTES.md` is the reference of the attributes.
//!
//! # Where to find things
//!
//! Each derive is a pipeline, one file a step:
//!
//! - `items`: an attribute's tokens, cut into `name`, `name = value` and `name(list)`.
//! - `values`: each kind of value, and the message for a wrong one.
//! - `attr`: which names there are, on structs and on fields, ours and Diesel's.
//! - `model`: the attributes and fields, resolved against each other.
//! - `valid`: one function for each rule that spans more than one attribute.
//! - `fingerprint`: the number that changes with the meaning of cached bytes.
//! - `expand`: what is written into the user's crate, or a stub after a mistake.
//! - `cache_key`: the small derive for types that are parts of keys.
//! - `ctxt`: collects the mistakes, so that all are reported at once.

mod attr;
mod cache_key;
mod ctxt;
mod expand;
mod fingerprint;
mod items;
mod model;
#[cfg(test)]
mod tests;
mod valid;
mod values;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Declares the caching strategy of a Diesel model, and generates its repository.
///
/// `#[cached(pattern = "cache_aside", ttl = "10m")]` is the least that must be
/// said. All attributes are described in the project's `docs/ATTRIBUTES.md`.
#[proc_macro_derive(Cached, attributes(cached, diesel))]
pub fn cached(input: TokenStream) -> TokenStream {
    expand::cached(&parse_macro_input!(input as DeriveInput)).into()
}

/// Lets models embed a struct (`#[diesel(embed)]`) whose fields are columns of their table.
///
/// It needs `#[diesel(table_name = ..)]`, as for Diesel's own derives.
#[proc_macro_derive(CachedEmbed, attributes(cached, diesel))]
pub fn cached_embed(input: TokenStream) -> TokenStream {
    expand::cached_embed(&parse_macro_input!(input as DeriveInput)).into()
}

/// Makes a newtype, a struct of key parts, or an enum without fields usable in a cache key.
///
/// The type must be `Clone`; as a model's whole key also `Eq` and `Hash`.
#[proc_macro_derive(CacheKey, attributes(cached))]
pub fn cache_key(input: TokenStream) -> TokenStream {
    cache_key::derive(&parse_macro_input!(input as DeriveInput)).into()
}

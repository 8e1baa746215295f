//! The derive macros of cache-runtime.
use proc_macro::TokenStream;
/// Cached.
#[proc_macro_derive(Cached, attributes(cached, diesel))]
pub fn cached(_input: TokenStream) -> TokenStream {
    TokenStream::new()
}
/// CacheKey.
#[proc_macro_derive(CacheKey, attributes(cached))]
pub fn cache_key(_input: TokenStream) -> TokenStream {
    TokenStream::new()
}

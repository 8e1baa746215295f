use cache_runtime::CacheKey;

#[derive(Clone, CacheKey)]
pub enum Kind {
    Small,
}

#[derive(Clone, CacheKey)]
pub struct Nothing;

#[derive(Clone, CacheKey)]
pub struct Generic<T>(T);

#[derive(Clone, CacheKey)]
#[cached(krate = path, ttl = "10m")]
pub struct Named(i64);

fn main() {}

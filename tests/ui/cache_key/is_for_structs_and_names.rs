use cache_runtime::CacheKey;

#[derive(Clone, CacheKey)]
pub enum Kind {
    Small,
    Sized(i64),
    Named { width: i64 },
}

#[derive(Clone, CacheKey)]
pub enum Never {}

#[derive(Clone, CacheKey)]
pub struct Nothing;

#[derive(Clone, CacheKey)]
pub struct Generic<T>(T);

#[derive(Clone, CacheKey)]
#[cached(krate = path, ttl = "10m")]
pub struct Named(i64);

fn main() {}

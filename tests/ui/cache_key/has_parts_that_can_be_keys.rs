use cache_runtime::CacheKey;

#[derive(Clone, CacheKey)]
pub struct Price(i64, f64);

#[derive(CacheKey)]
pub struct NotClone(i64);

fn main() {}

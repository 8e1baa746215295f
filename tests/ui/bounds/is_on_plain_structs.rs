use cache_runtime::Cached;

#[derive(Cached)]
#[cached(pattern = "cache_aside", ttl = "10m")]
pub enum Kind {
    Small,
}

#[derive(Cached)]
#[cached(pattern = "cache_aside", ttl = "10m")]
pub struct Tuple(i64, String);

#[derive(Cached)]
#[cached(pattern = "cache_aside", ttl = "10m")]
pub struct Nothing;

#[derive(Cached)]
#[cached(pattern = "cache_aside", ttl = "10m")]
pub union Either {
    id: i64,
}

#[derive(Cached)]
#[cached(pattern = "cache_aside", ttl = "10m")]
pub struct Generic<T> {
    id: T,
}

fn uses<D: cache_runtime::Database>(_: KindRepository<D>, _: TupleRepository<D>) {}

fn main() {}

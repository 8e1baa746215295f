use cache_runtime::{Builder, R2d2, models};
use diesel::prelude::*;

#[derive(Queryable)]
pub struct Plane {
    id: i64,
}

fn list(builder: Builder<R2d2<SqliteConnection>>) {
    drop(builder.models(models![Plane]));
}

fn main() {}

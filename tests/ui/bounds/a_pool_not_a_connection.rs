use cache_runtime::Cache;

fn open(connection: diesel::PgConnection) {
    drop(Cache::builder(connection));
}

fn main() {}

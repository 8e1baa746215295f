use std::sync::Arc;

use cache_runtime::{Builder, Database, Redis};

fn store<D: Database>(builder: Builder<D>) {
    builder.store(Redis::url("redis://localhost/"));
}

fn codec<D: Database>(builder: Builder<D>) {
    builder.codec("postcard");
}

fn telemetry<D: Database>(builder: Builder<D>) {
    builder.telemetry("stdout");
}

fn clock<D: Database>(builder: Builder<D>) {
    builder.clock(Arc::new(std::time::Instant::now()));
}

fn tokens<D: Database>(builder: Builder<D>) {
    builder.tokens(7);
}

fn main() {}

//! The examples: `cargo run --example quickstart`, `cargo run --example prometheus`.

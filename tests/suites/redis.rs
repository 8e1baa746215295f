//! What is Redis's own: whom it takes for fit at the start, what it writes, and
//! how it goes on when the server forgets, fills up, falls silent or dies. Each test
//! has a server to itself.

#[path = "redis/faults.rs"]
mod faults;
#[path = "redis/operations.rs"]
mod operations;
#[path = "redis/start.rs"]
mod start;

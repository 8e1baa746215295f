//! The stored bytes: what was ever written stays readable and is written
//! alike, and whatever else arrives is refused without a panic, a wrong value
//! or a large allocation.

#[path = "bytes/golden.rs"]
mod golden;
#[path = "bytes/hostile.rs"]
mod hostile;
#[path = "bytes/sample.rs"]
mod sample;

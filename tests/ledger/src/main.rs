//! Acknowledged writes of write-behind models, counted outside of the processes that are killed.

fn main() {}

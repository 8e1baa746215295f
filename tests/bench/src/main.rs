//! Benchmarks: each figure is a ratio of two things that ran side by side, in turns.

fn main() {}

//! Round trips and statements, counted at Redis and at the database.

#[path = "costs/meter.rs"]
mod meter;
#[path = "costs/reads.rs"]
mod reads;
#[path = "costs/shapes.rs"]
mod shapes;
#[path = "costs/transactions.rs"]
mod transactions;
#[path = "costs/writes.rs"]
mod writes;

//! The rows of the tables, and what is written into them.

mod accounts;
mod columns;
mod operations;
mod organizations;
mod ownership;
mod packages;

pub use accounts::*;
pub use columns::*;
pub use operations::*;
pub use organizations::*;
pub use ownership::*;
pub use packages::*;

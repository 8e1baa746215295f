//! One suite of scenarios over every database, driver and store.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::ports::Store;
use cache_runtime::{Cache, ErrorKind, models};
use cache_tests::account::{Account, AccountChanges, AccountRepository, CREATE, NewAccount};
use cache_tests::gate::{Gate, GatedDatabase, GatedStore};
use cache_tests::stores::namespace;

cache_tests::matrix!("scenarios/body.rs", &[CREATE]);

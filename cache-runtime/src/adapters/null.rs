//! The store that keeps nothing.

use std::time::Duration;

use crate::ports::BoxFuture;
use crate::ports::store::{
    Fence, Fill, Filled, Form, Lease, Leased, Lift, Mark, Payload, Store, StoreFacts,
};
use crate::values::error::Result;
use crate::values::key::EntryKey;
use crate::values::token::Token;

/// Keeps nothing and wants nothing: every read goes to the database. To run
/// an application, or its tests, with the cache taken out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Null;

impl Store for Null {
    fn tier(&self) -> &'static str {
        "null"
    }

    fn form(&self) -> Form {
        Form::Nothing
    }

    fn start(&self) -> BoxFuture<'_, Result<StoreFacts>> {
        Box::pin(async { Ok(StoreFacts::default()) })
    }

    fn peek(&self, _key: &EntryKey) -> Option<Option<Payload>> {
        Some(None)
    }

    fn get<'a>(&'a self, keys: &'a [EntryKey]) -> BoxFuture<'a, Result<Vec<Option<Payload>>>> {
        Box::pin(async { Ok(keys.iter().map(|_| None).collect()) })
    }

    fn lease<'a>(&'a self, leases: &'a [Lease]) -> BoxFuture<'a, Result<Vec<Leased>>> {
        Box::pin(async { Ok(leases.iter().map(|_| Leased::Bypass).collect()) })
    }

    fn fill(&self, fills: Vec<Fill>) -> BoxFuture<'_, Result<Vec<Filled>>> {
        // It gave no lease, so no fill can have one.
        Box::pin(async move { Ok(fills.iter().map(|_| Filled::LeaseLost).collect()) })
    }

    fn release<'a>(&'a self, _leases: &'a [(EntryKey, Token)]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async { Ok(()) })
    }

    fn invalidate<'a>(&'a self, _keys: &'a [EntryKey]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async { Ok(()) })
    }

    fn fence<'a>(&'a self, fences: &'a [Fence]) -> BoxFuture<'a, Result<Vec<u64>>> {
        Box::pin(async { Ok(vec![0; fences.len()]) })
    }

    fn renew<'a>(
        &'a self,
        fences: &'a [(EntryKey, Token)],
        _expiry: Duration,
    ) -> BoxFuture<'a, Result<Vec<bool>>> {
        // With no value to serve, a fence has nothing to keep out.
        Box::pin(async { Ok(vec![true; fences.len()]) })
    }

    fn lift(&self, lifts: Vec<Lift>) -> BoxFuture<'_, Result<Vec<bool>>> {
        Box::pin(async move { Ok(vec![false; lifts.len()]) })
    }

    fn time(&self) -> BoxFuture<'_, Result<u64>> {
        Box::pin(async { Ok(0) })
    }

    fn mark<'a>(&'a self, marks: &'a [Mark]) -> BoxFuture<'a, Result<Vec<bool>>> {
        Box::pin(async { Ok(vec![true; marks.len()]) })
    }
}

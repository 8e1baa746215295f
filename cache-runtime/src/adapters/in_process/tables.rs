//! All entries of a table at once: an era that every value, lease and fence remembers.

use std::collections::HashMap;

use parking_lot::RwLock;

use crate::values::key::EntryKey;
use crate::values::moment::Moment;
use crate::values::token::Token;

/// The eras of the tables that were invalidated as a whole. A new era makes all that is older
/// void without touching it.
#[derive(Default)]
pub(super) struct Tables(RwLock<HashMap<Box<[u8]>, Table>>);

/// Tells what was read before a whole table was invalidated from what was read after it.
pub(super) type Era = u128;

#[derive(Default)]
struct Table {
    era: Era,
    fences: Vec<(Token, Moment)>,
}

impl Tables {
    /// The present era of the entry's table; 0 where it was never invalidated.
    pub(super) fn era(&self, key: &EntryKey) -> Era {
        let Some(table) = key.table() else { return 0 };
        self.0.read().get(table).map_or(0, |table| table.era)
    }

    /// Whether a write of the whole table is under way.
    pub(super) fn is_fenced(&self, key: &EntryKey, now: Moment) -> bool {
        let Some(table) = key.table() else { return false };
        let tables = self.0.read();
        tables.get(table).is_some_and(|table| table.fences.iter().any(|(_, until)| *until > now))
    }

    pub(super) fn invalidate(&self, table: &EntryKey) {
        self.change(table, |_| ());
    }

    pub(super) fn fence(&self, table: &EntryKey, token: Token, now: Moment, until: Moment) {
        self.change(table, |fences| {
            fences.retain(|(other, until)| *until > now && *other != token);
            fences.push((token, until));
        });
    }

    pub(super) fn lift(&self, table: &EntryKey, token: Token) {
        self.change(table, |fences| fences.retain(|(other, _)| *other != token));
    }

    /// Prolongs a fence that stands; it is no new era.
    pub(super) fn renew(&self, table: &EntryKey, token: Token, now: Moment, until: Moment) -> bool {
        let mut tables = self.0.write();
        let fences = tables.get_mut(table.as_bytes()).into_iter().flat_map(|it| &mut it.fences);
        let own = |fence: &&mut (Token, Moment)| fence.0 == token && fence.1 > now;
        fences.into_iter().find(own).map(|fence| fence.1 = until).is_some()
    }

    fn change(&self, table: &EntryKey, change: impl FnOnce(&mut Vec<(Token, Moment)>)) {
        let mut tables = self.0.write();
        let table = tables.entry(table.as_bytes().into()).or_default();
        table.era += 1;
        change(&mut table.fences);
    }
}

//! The watermarks of a table's buckets: an era with a name and an end.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::RwLock;

use super::InProcess;
use super::tables::Era;
use crate::ports::store::{Mark, Turn};
use crate::values::guard::Guard;
use crate::values::key::EntryKey;
use crate::values::moment::Moment;
use crate::values::token::Token;

/// The watermarks of every table that has some.
#[derive(Default)]
pub(super) struct Watermarks(RwLock<HashMap<Box<[u8]>, Buckets>>);

type Buckets = [Option<Watermark>; EntryKey::BUCKETS as usize];

#[derive(Clone, Copy)]
struct Watermark {
    name: Token,
    era: Era,
    until: Moment,
}

impl Watermarks {
    /// The era under which values of this entry's bucket count now; none without a watermark.
    pub(super) fn era(&self, key: &EntryKey, now: Moment) -> Option<Era> {
        let tables = self.0.read();
        let watermark = tables.get(key.table()?)?[place(key.bucket(EntryKey::BUCKETS))]?;
        (watermark.until > now || !Guard::WatermarkGate.stands()).then_some(watermark.era)
    }

    /// Begins a new era in each bucket, under the same watermark.
    pub(super) fn void(&self, table: &EntryKey) {
        if let Some(buckets) = self.0.write().get_mut(table.as_bytes()) {
            buckets.iter_mut().flatten().for_each(|watermark| watermark.era = rand::random());
        }
    }

    /// Moves the deadline of the watermark that has the name seen; whether there is one.
    pub(super) fn prolong(&self, mark: &Mark, until: Moment, now: Moment) -> bool {
        self.change(mark, |place| match place {
            Some(watermark) if watermark.until > now && is_seen(watermark, mark) => {
                watermark.until = watermark.until.max(until);
                true
            }
            _ => false,
        })
    }

    /// Begins a new era unless there is a watermark with the name seen. To be called before the
    /// changes are applied: what is void cannot be served meanwhile.
    pub(super) fn prepare(&self, mark: &Mark, turn: &Turn, now: Moment) {
        self.change(mark, |place| {
            let known = |watermark: &&mut Watermark| {
                watermark.until > now && is_seen(watermark, mark) && turn.entries.is_some()
            };
            if let Some(watermark) = place.as_mut()
                && !known(&watermark)
            {
                watermark.era = turn.era.0;
            }
        });
    }

    /// Sets the watermark under its next name. To be called when the changes are applied.
    pub(super) fn set(&self, mark: &Mark, turn: &Turn, until: Moment) {
        self.change(mark, |place| {
            let era = place.map_or(turn.era.0, |watermark| watermark.era);
            *place = Some(Watermark { name: turn.name, era, until });
        });
    }

    /// Forgets all.
    pub(super) fn clear(&self) {
        self.0.write().clear();
    }

    fn change<T>(&self, mark: &Mark, change: impl FnOnce(&mut Option<Watermark>) -> T) -> T {
        let mut tables = self.0.write();
        let buckets = tables.entry(mark.table.as_bytes().into()).or_default();
        change(&mut buckets[place(mark.bucket)])
    }
}

/// Anomalies 15 and 16: this store is behind what the relay has told another, or was emptied.
fn is_seen(watermark: &Watermark, mark: &Mark) -> bool {
    watermark.name == mark.seen || !Guard::WatermarkName.stands()
}

fn place(bucket: u32) -> usize {
    (bucket % EntryKey::BUCKETS) as usize
}

impl InProcess {
    /// The era under which values of this entry count now; none while its bucket has no watermark.
    pub(super) fn era(&self, key: &EntryKey, now: Moment) -> Option<Era> {
        match key.is_watermarked() {
            true => self.watermarks.era(key, now),
            false => Some(self.tables.era(key)),
        }
    }

    /// Makes all entries of a table void.
    pub(super) fn void(&self, table: &EntryKey) {
        match table.is_watermarked() {
            true => self.watermarks.void(table),
            false => self.tables.invalidate(table),
        }
    }

    /// First what makes old values void, last what lets them be served.
    pub(super) fn mark_one(&self, mark: &Mark) -> bool {
        let (now, until) = (self.now(), Moment(Duration::from_micros(mark.deadline)));
        let Some(turn) = &mark.turn else { return self.watermarks.prolong(mark, until, now) };
        self.watermarks.prepare(mark, turn, now);
        turn.entries.iter().flatten().for_each(|entry| self.invalidate_one(entry));
        self.watermarks.set(mark, turn, until);
        true
    }
}

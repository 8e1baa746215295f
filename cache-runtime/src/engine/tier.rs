//! One model's entries on one store.

use std::sync::Arc;
use std::time::Duration;

use super::entry::{Cacheable, Codecs, Entry};
use super::shield::Shield;
use super::view::{Places, Seen};
use crate::ports::model::Model;
use crate::ports::store::{Fill, Filled, Form, Inspection, Lease, Leased, Payload, Put};
use crate::ports::telemetry::{Event, Probe};
use crate::values::error::Result;
use crate::values::key::{EntryKey, KeyParts, KeyWriter, Stamp};
use crate::values::token::Token;

/// The typed view of a store that one model has.
pub(crate) struct Tier {
    model: &'static str,
    shield: Arc<Shield>,
    codecs: Arc<Codecs>,
    probe: Box<dyn Probe>,
    rows: KeyWriter,
    lookups: Vec<KeyWriter>,
    lists: Vec<KeyWriter>,
    wholes: KeyWriter,
    /// How much of each key names the table, where it can be invalidated as a whole.
    table: usize,
    /// Whether a value counts only under a watermark.
    watermarked: bool,
    /// The kinds of its entries, where they are registered.
    seen: Option<Seen>,
}

/// The answer to a lease, typed.
pub(crate) enum Lent<V> {
    Hit(Entry<V>),
    /// Granted, at this store time.
    Granted(u64),
    Held,
    Bypass,
}

/// A value on its way into the store.
pub(crate) struct Filling<'a, V> {
    pub(crate) key: &'a EntryKey,
    pub(crate) token: Token,
    pub(crate) leased_at: u64,
    pub(crate) life: Duration,
    pub(crate) entry: Entry<V>,
}

impl Tier {
    /// `namespace` and `table` begin every key, so that neither another
    /// application's nor another schema's entries can be met.
    pub(crate) fn new<M: Model>(
        shield: Arc<Shield>,
        codecs: Arc<Codecs>,
        probe: Box<dyn Probe>,
        namespace: &str,
        table: &str,
        seen: Option<Seen>,
    ) -> Self {
        let mut model = KeyWriter::default();
        model.text(namespace);
        match M::DESCRIPTOR.read_only {
            false => model.text(table),
            // Other models may read the same table, and one write it.
            true => model.text(&format!("{table}#{}", M::DESCRIPTOR.model)),
        }
        let policy = M::DESCRIPTOR.policy;
        let watermarked = policy.bound().is_some();
        let whole = watermarked || policy.bulk_limit().is_some();
        let table = if whole { model.as_bytes().len() } else { 0 };
        let mut rows = model.clone();
        rows.text("row");
        let mut wholes = model.clone();
        wholes.text("whole");
        let prefixed = |kind: &str, name: &str| {
            let mut prefix = model.clone();
            prefix.text(kind);
            prefix.text(name);
            prefix
        };
        let lookups = M::DESCRIPTOR.lookups.iter().map(|name| prefixed("by", name)).collect();
        let lists = M::DESCRIPTOR.lists.iter().map(|list| prefixed("list", list.name)).collect();
        let model = M::DESCRIPTOR.model;
        Self {
            model,
            shield,
            codecs,
            probe,
            rows,
            lookups,
            lists,
            wholes,
            table,
            watermarked,
            seen,
        }
    }

    /// A name that begins in this way, of the kind at this place.
    fn named(
        &self,
        prefix: &KeyWriter,
        kind: impl FnOnce(&Places) -> Option<u16>,
        parts: &(impl KeyParts + ?Sized),
    ) -> (KeyWriter, Option<Stamp>) {
        let mut writer = prefix.clone();
        let stamp = self.seen.as_ref().and_then(|seen| {
            let stamp = seen.view.stamp(kind(&seen.places)?);
            writer.generation(stamp.generation);
            Some(stamp)
        });
        parts.write_parts(&mut writer);
        (writer, stamp)
    }

    /// Whether an entry may be served and filled, as far as other processes know of it.
    pub(crate) fn serves(&self, key: &EntryKey) -> bool {
        match (&self.seen, key.stamp()) {
            (Some(seen), Some(stamp)) => seen.view.serves(stamp),
            _ => true,
        }
    }

    fn key(&self, writer: KeyWriter) -> EntryKey {
        let key = EntryKey::in_table(writer, self.table);
        if self.watermarked { key.under_watermark() } else { key }
    }

    /// The entry of the row with this key.
    pub(crate) fn row_key(&self, key: &(impl KeyParts + ?Sized)) -> EntryKey {
        let (name, stamp) = self.named(&self.rows, |places| Some(places.rows), key);
        self.key(name).stamped(stamp)
    }

    /// All entries of the table together, if it can be invalidated as a whole.
    pub(crate) fn table_key(&self) -> Option<EntryKey> {
        self.key(self.rows.clone()).whole_table()
    }

    /// The entry of a unique value; none for NULL, which leads nowhere.
    pub(crate) fn lookup_key(
        &self,
        lookup: usize,
        value: &(impl KeyParts + ?Sized),
    ) -> Option<EntryKey> {
        let place = |places: &Places| places.lookups.get(lookup).copied();
        let (name, stamp) = self.named(self.lookups.get(lookup)?, place, value);
        (!name.has_null()).then(|| self.key(name).stamped(stamp))
    }

    /// The entry of a list. The NULLs in its values are one value.
    pub(crate) fn list_key(&self, list: usize, values: &(impl KeyParts + ?Sized)) -> EntryKey {
        let prefix = self.lists.get(list).cloned().unwrap_or_default();
        let (name, stamp) = self.named(&prefix, |places| places.lists.get(list).copied(), values);
        self.key(name).stamped(stamp)
    }

    /// The entry of the row with this key and all of its members; none for NULL, which is no key.
    pub(crate) fn whole_key(&self, key: &(impl KeyParts + ?Sized)) -> Option<EntryKey> {
        let (name, stamp) = self.named(&self.wholes, |places| places.wholes, key);
        (!name.has_null()).then(|| self.key(name).stamped(stamp))
    }

    /// The model's name, for spans.
    pub(crate) fn model(&self) -> &'static str {
        self.model
    }

    pub(crate) fn event(&self, event: Event) {
        self.probe.event(event);
    }

    /// What is there without waiting; `None` where the store must be asked.
    pub(crate) fn peek<V: Cacheable>(&self, key: &EntryKey) -> Option<Option<Entry<V>>> {
        let payload = self.shield.store().peek(key)?;
        Some(self.unpack(payload))
    }

    /// What is there, one round trip. A store that does not answer has nothing.
    pub(crate) async fn get<V: Cacheable>(&self, keys: &[EntryKey]) -> Vec<Option<Entry<V>>> {
        match self.shield.call(|store| store.get(keys)).await {
            Ok(payloads) => payloads.into_iter().map(|payload| self.unpack(payload)).collect(),
            Err(_) => {
                self.event(Event::Bypass("store"));
                keys.iter().map(|_| None).collect()
            }
        }
    }

    /// What is there, as it lies there and as it is read, past the counters of hits.
    pub(crate) async fn look<V: Cacheable>(
        &self,
        key: &EntryKey,
    ) -> Result<Option<(Payload, Entry<V>)>> {
        let keys = std::slice::from_ref(key);
        let payload = self.shield.call(|store| store.get(keys)).await?.pop().flatten();
        Ok(payload.and_then(|payload| {
            let entry = self.codecs.unpack(payload.clone()).ok()?;
            Some((payload, entry))
        }))
    }

    /// What else the store tells of an entry.
    pub(crate) async fn inspect(&self, key: &EntryKey) -> Inspection {
        self.shield.call(|store| store.inspect(key)).await.unwrap_or_default()
    }

    /// Whether two entries say the same.
    pub(crate) fn alike<V: Cacheable>(&self, one: &Entry<V>, other: &Entry<V>) -> bool {
        self.codecs.alike(one, other)
    }

    /// The store's label.
    pub(crate) fn name(&self) -> &'static str {
        self.shield.store().tier()
    }

    /// Asks to fill. A store that does not answer wants nothing filled. Bytes
    /// that cannot be read count as nothing, and may be overwritten.
    pub(crate) async fn lease<V: Cacheable>(&self, leases: &[Lease]) -> Vec<Lent<V>> {
        let mut lent = self.lease_once(leases).await;
        let unreadable: Vec<usize> =
            (0..lent.len()).filter(|place| lent[*place].is_none()).collect();
        if !unreadable.is_empty() {
            let again: Vec<Lease> = unreadable
                .iter()
                .map(|place| Lease { force: true, ..leases[*place].clone() })
                .collect();
            for (place, answer) in unreadable.into_iter().zip(self.lease_once(&again).await) {
                lent[place] = answer;
            }
        }
        lent.into_iter().map(|lent| lent.unwrap_or(Lent::Bypass)).collect()
    }

    async fn lease_once<V: Cacheable>(&self, leases: &[Lease]) -> Vec<Option<Lent<V>>> {
        let Ok(leased) = self.shield.call(|store| store.lease(leases)).await else {
            self.event(Event::Bypass("store"));
            return leases.iter().map(|_| Some(Lent::Bypass)).collect();
        };
        leased
            .into_iter()
            .map(|leased| match leased {
                Leased::Hit(payload) => self.unpack(Some(payload)).map(Lent::Hit),
                Leased::Granted(at) => Some(Lent::Granted(at)),
                Leased::Held => Some(Lent::Held),
                Leased::Bypass => {
                    self.event(Event::Bypass("fenced"));
                    Some(Lent::Bypass)
                }
            })
            .collect()
    }

    /// Fills, and says for each whether it was accepted.
    pub(crate) async fn fill<V: Cacheable>(&self, fillings: &[Filling<'_, V>]) -> Vec<bool> {
        let form = self.shield.store().form();
        let mut accepted = vec![false; fillings.len()];
        let mut fills = Vec::with_capacity(fillings.len());
        let mut places = Vec::with_capacity(fillings.len());
        let mut refused = Vec::new();
        for (place, filling) in fillings.iter().enumerate() {
            match self.codecs.pack(&filling.entry, form, filling.leased_at) {
                Ok(payload) => {
                    places.push(place);
                    fills.push(Fill {
                        key: filling.key.clone(),
                        token: filling.token,
                        payload,
                        version: filling.entry.version(),
                        life: filling.life,
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a row cannot be encoded and stays uncached");
                    self.event(Event::FillRefused("encode"));
                    refused.push((filling.key.clone(), filling.token));
                }
            }
        }
        self.release(&refused).await;
        if fills.is_empty() {
            return accepted;
        }
        match self.shield.call(|store| store.fill(fills)).await {
            Ok(answers) => {
                for (place, answer) in places.into_iter().zip(answers) {
                    accepted[place] = answer == Filled::Accepted;
                    self.event(match answer {
                        Filled::Accepted => Event::Filled,
                        Filled::LeaseLost => Event::FillRefused("lease_lost"),
                        Filled::TooLate => Event::FillRefused("too_late"),
                        Filled::Older => Event::FillRefused("older"),
                    });
                }
            }
            Err(_) => places.iter().for_each(|_| self.event(Event::FillRefused("store"))),
        }
        accepted
    }

    /// The value as it is put when a fence is lifted; `fenced_at` is the store's time then.
    pub(crate) fn pack<V: Cacheable>(
        &self,
        entry: &Entry<V>,
        fenced_at: u64,
        life: Duration,
    ) -> Option<Put> {
        match self.codecs.pack(entry, self.shield.store().form(), fenced_at) {
            Ok(payload) => Some(Put { payload, version: entry.version(), life }),
            Err(error) => {
                tracing::warn!(%error, "a row cannot be encoded and stays uncached");
                self.event(Event::FillRefused("encode"));
                None
            }
        }
    }

    /// Gives leases back. If the store does not hear it, they expire.
    pub(crate) async fn release(&self, leases: &[(EntryKey, Token)]) {
        if !leases.is_empty() && self.shield.store().form() != Form::Nothing {
            let _ = self.shield.call(|store| store.release(leases)).await;
        }
    }

    fn unpack<V: Cacheable>(&self, payload: Option<Payload>) -> Option<Entry<V>> {
        match self.codecs.unpack(payload?) {
            Ok(entry) => Some(entry),
            Err(reason) => {
                self.event(Event::DecodeFailed(reason.label()));
                None
            }
        }
    }
}

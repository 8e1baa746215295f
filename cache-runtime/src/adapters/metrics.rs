//! Events as counters and histograms of the `metrics` facade.
//!
//! Install the recorder before `build()`: the counters of the hit path are
//! looked up once, there.

use metrics::{Counter, counter, gauge, histogram};

use crate::ports::telemetry::{Event, Probe, Telemetry};

/// Records through the `metrics` facade. Without a recorder it costs next to nothing.
///
/// Every metric has the labels `model` and `tier`; never a key.
///
/// | name | unit | more labels |
/// |---|---|---|
/// | `cache_hits_total` | entries | |
/// | `cache_negative_hits_total` | entries | |
/// | `cache_misses_total` | entries | |
/// | `cache_outdated_total` | hits of an old version, counted as misses too | |
/// | `cache_puts_total` | entries put by writes | |
/// | `cache_puts_refused_total` | entries that writes removed instead | |
/// | `cache_bypasses_total` | reads | `reason`: `off`, `pending`, `store`, `held`, `fenced` |
/// | `cache_load_seconds` | seconds a database read (the miss penalty) | |
/// | `cache_loaded_total` | entries | |
/// | `cache_coalesced_total` | callers that shared another's load | |
/// | `cache_fills_total` | entries | |
/// | `cache_fills_refused_total` | entries | `reason`: `lease_lost`, `too_late`, `older`, `encode`, `store` |
/// | `cache_decode_failures_total` | entries | `reason` |
/// | `cache_invalidations_total` | entries | |
/// | `cache_invalidations_missed_total` | entries; retried | |
/// | `cache_invalidations_recovered_total` | entries | |
/// | `cache_invalidations_dropped_total` | entries; only the ttl covers them | |
/// | `cache_stale_reads_total` | incidents that the reconciler found | `entry`: `row`, `lookup`, `list`, `whole` |
/// | `cache_stale_read_age_seconds` | seconds, the age of such an entry | |
/// | `cache_relayed_total` | rows of the outbox for invalidations | |
/// | `cache_relay_failures_total` | rounds of its relay; tried again | |
/// | `cache_events_applied_total` | domain events | |
/// | `cache_events_repeated_total` | domain events that had been applied before | |
/// | `cache_events_unknown_total` | domain events that no model takes, `model` is `*` | |
/// | `cache_events_parked_total` | domain events that could not be read, `model` is `*` | |
/// | `cache_event_gaps_total` | times that domain events were lost, `model` is `*` | |
/// | `cache_event_lag_seconds` | seconds the oldest event of a batch had waited, `model` is `*` | |
/// | `cache_event_failures_total` | batches that are tried again, `model` is `*` | |
/// | `cache_enqueue_seconds` | seconds until a write was durable in the outbox | |
/// | `cache_flushed_writes_total` | pending writes that came into their rows | |
/// | `cache_flushed_rows_total` | rows that they were folded into | |
/// | `cache_outbox_pending` | writes in the outbox, those that are parked not among them | |
/// | `cache_outbox_oldest_seconds` | seconds, the age of the oldest of them | |
/// | `cache_outbox_stray_seconds` | gauge: for how long pending writes have been there whose model no process has; 0 if there are none | |
/// | `cache_conflicts_total` | pending writes that replaced what others wrote and they had not seen | |
/// | `cache_parked_total` | rows whose writes were parked | |
/// | `cache_breaker_open` | 0 or 1, `model` is `*` | |
#[derive(Debug, Clone, Copy, Default)]
pub struct MetricsTelemetry;

impl Telemetry for MetricsTelemetry {
    fn probe(&self, model: &'static str, tier: &'static str) -> Box<dyn Probe> {
        let named = |name: &'static str| counter!(name, "model" => model, "tier" => tier);
        Box::new(MetricsProbe {
            model,
            tier,
            hits: named("cache_hits_total"),
            negatives: named("cache_negative_hits_total"),
            misses: named("cache_misses_total"),
            coalesced: named("cache_coalesced_total"),
        })
    }
}

struct MetricsProbe {
    model: &'static str,
    tier: &'static str,
    hits: Counter,
    negatives: Counter,
    misses: Counter,
    coalesced: Counter,
}

impl MetricsProbe {
    fn add(&self, name: &'static str, count: usize) {
        counter!(name, "model" => self.model, "tier" => self.tier).increment(count as u64);
    }

    fn because(&self, name: &'static str, reason: &'static str) {
        counter!(name, "model" => self.model, "tier" => self.tier, "reason" => reason).increment(1);
    }
}

impl Probe for MetricsProbe {
    fn event(&self, event: Event) {
        match event {
            Event::Hit => self.hits.increment(1),
            Event::Negative => self.negatives.increment(1),
            Event::Miss => self.misses.increment(1),
            Event::Coalesced => self.coalesced.increment(1),
            Event::Bypass(reason) => self.because("cache_bypasses_total", reason),
            Event::Loaded(count, time) => {
                self.add("cache_loaded_total", count);
                histogram!("cache_load_seconds", "model" => self.model, "tier" => self.tier)
                    .record(time);
            }
            Event::Outdated => self.add("cache_outdated_total", 1),
            Event::Put => self.add("cache_puts_total", 1),
            Event::PutRefused => self.add("cache_puts_refused_total", 1),
            Event::Filled => self.add("cache_fills_total", 1),
            Event::FillRefused(reason) => self.because("cache_fills_refused_total", reason),
            Event::DecodeFailed(reason) => self.because("cache_decode_failures_total", reason),
            Event::Invalidated(count) => self.add("cache_invalidations_total", count),
            Event::InvalidationMissed(count) => {
                self.add("cache_invalidations_missed_total", count);
            }
            Event::InvalidationRecovered(count) => {
                self.add("cache_invalidations_recovered_total", count);
            }
            Event::InvalidationDropped(count) => {
                self.add("cache_invalidations_dropped_total", count);
            }
            Event::StaleRead { entry, age } => {
                let (model, tier) = (self.model, self.tier);
                counter!("cache_stale_reads_total", "model" => model, "tier" => tier, "entry" => entry)
                    .increment(1);
                if let Some(age) = age {
                    histogram!("cache_stale_read_age_seconds", "model" => model, "tier" => tier)
                        .record(age);
                }
            }
            Event::Relayed(count) => self.add("cache_relayed_total", count),
            Event::RelayFailed => self.add("cache_relay_failures_total", 1),
            Event::EventsApplied(count) => self.add("cache_events_applied_total", count),
            Event::EventsRepeated(count) => self.add("cache_events_repeated_total", count),
            Event::EventsUnknown(count) => self.add("cache_events_unknown_total", count),
            Event::EventsParked(count) => self.add("cache_events_parked_total", count),
            Event::EventGap => self.add("cache_event_gaps_total", 1),
            Event::EventsFailed => self.add("cache_event_failures_total", 1),
            Event::EventLag(lag) => {
                histogram!("cache_event_lag_seconds", "model" => self.model, "tier" => self.tier)
                    .record(lag);
            }
            Event::Enqueued(time) => {
                histogram!("cache_enqueue_seconds", "model" => self.model, "tier" => self.tier)
                    .record(time);
            }
            Event::Flushed { writes, rows } => {
                self.add("cache_flushed_writes_total", writes);
                self.add("cache_flushed_rows_total", rows);
            }
            Event::Backlog { pending, oldest } => {
                let (model, tier) = (self.model, self.tier);
                gauge!("cache_outbox_pending", "model" => model, "tier" => tier)
                    .set(pending as f64);
                gauge!("cache_outbox_oldest_seconds", "model" => model, "tier" => tier)
                    .set(oldest.as_secs_f64());
            }
            Event::Stray(age) => {
                gauge!("cache_outbox_stray_seconds", "model" => self.model, "tier" => self.tier)
                    .set(age.as_secs_f64());
            }
            Event::Conflicts(count) => self.add("cache_conflicts_total", count),
            Event::Parked(count) => self.add("cache_parked_total", count),
            Event::Breaker(open) => {
                gauge!("cache_breaker_open", "model" => self.model, "tier" => self.tier)
                    .set(u8::from(open));
            }
        }
    }
}

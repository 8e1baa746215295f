//! Which figures are measured together, on what.

use std::sync::Arc;

use crate::Fault;
use crate::arena::Arena;
use crate::figures::COSTS;
use crate::keys::Spread;
use crate::options::Options;
use crate::report::Report;
use crate::servers::{Kept, Outbox, Server, Setting};
use crate::timed::Timings;
use crate::{acknowledged, costs, flushed, overlay, sustained};

const ACKNOWLEDGED: &str = "acknowledged writes a second";
const FLUSHED: &str = "flushed writes a second";
const P99: &str = "wb_ack_p99_pg_c256";

pub(crate) async fn run(options: &Options) -> Result<(), Fault> {
    options.check()?;
    let mut report = Report::new(options);
    for (begins, server, kept, callers) in [
        ("wb_append_pg", Server::Postgres, Kept::InProcess, &[1, 64, 256][..]),
        ("wb_ack_pg", Server::Postgres, Kept::Redis, &[1, 64, 256]),
        ("wb_append_sqlite", Server::Sqlite, Kept::InProcess, &[256]),
        ("wb_ack_sqlite", Server::Sqlite, Kept::Redis, &[256]),
        ("wb_ack_mariadb", Server::Mariadb, Kept::Redis, &[256]),
    ] {
        let setting = Setting::new(server, kept, options.scale().rows);
        acknowledgements(options, &mut report, begins, &setting, callers).await?;
    }
    sustained_writes(options, &mut report).await?;
    for (name, spread) in [("flush_uniform", Spread::Uniform), ("flush_zipf", Spread::Zipf)] {
        flushes(options, &mut report, name, spread).await?;
    }
    if options.wants("wb_overlay_read") {
        let samples = overlay::rounds(options).await?;
        report.figure("wb_overlay_read", "microseconds a miss", &samples)?;
    }
    cost(options, &mut report).await?;
    report.finish(&options.json)
}

/// Closes the arena, whatever came of what was done in it.
async fn within<T>(
    setting: &Setting,
    work: impl AsyncFnOnce(&Arena) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let arena = Arena::open(setting).await?;
    let outcome = work(&arena).await;
    arena.close().await?;
    outcome
}

async fn acknowledgements(
    options: &Options,
    report: &mut Report<'_>,
    begins: &str,
    setting: &Setting,
    callers: &[usize],
) -> Result<(), Fault> {
    let is_wanted =
        |name: &str| options.wants(name) || (name == "wb_ack_pg_c256" && options.wants(P99));
    let all = callers.iter().map(|callers| (*callers, format!("{begins}_c{callers}")));
    let all: Vec<(usize, String)> = all.filter(|(_, name)| is_wanted(name)).collect();
    if all.is_empty() {
        return Ok(());
    }
    within(setting, async |arena| {
        for (callers, name) in all {
            let rounds = acknowledged::rounds(arena, callers, options).await?;
            report.figure(&name, ACKNOWLEDGED, &acknowledged::rates(&rounds))?;
            if name == "wb_ack_pg_c256" {
                let samples = acknowledged::p99s(&rounds);
                report.figure(P99, "microseconds at the 99th percentile", &samples)?;
            }
        }
        Ok(())
    })
    .await
}

async fn sustained_writes(options: &Options, report: &mut Report<'_>) -> Result<(), Fault> {
    let [acknowledged, uniform, zipf] = [
        "wb_sustained_pg_c256_acknowledged",
        "wb_sustained_pg_c256_uniform",
        "wb_sustained_pg_c256_zipf",
    ];
    let mut setting = Setting::new(Server::Postgres, Kept::Redis, options.scale().rows);
    setting.outbox = Outbox::Bounded;
    if options.wants(acknowledged) || options.wants(uniform) {
        let found = within(&setting, async |arena| {
            sustained::rounds(arena, Spread::Uniform, options).await
        });
        let found = found.await?;
        report.figure(acknowledged, ACKNOWLEDGED, &found.acknowledged)?;
        report.figure(uniform, FLUSHED, &found.flushed)?;
    }
    if options.wants(zipf) {
        let found =
            within(&setting, async |arena| sustained::rounds(arena, Spread::Zipf, options).await);
        report.figure(zipf, FLUSHED, &found.await?.flushed)?;
    }
    Ok(())
}

async fn flushes(
    options: &Options,
    report: &mut Report<'_>,
    name: &str,
    spread: Spread,
) -> Result<(), Fault> {
    if !options.wants(name) {
        return Ok(());
    }
    let setting = Setting::new(Server::Postgres, Kept::InProcess, options.scale().rows);
    let samples =
        within(&setting, async |arena| flushed::rounds(arena, spread, options).await).await?;
    report.figure(name, FLUSHED, &samples)
}

async fn cost(options: &Options, report: &mut Report<'_>) -> Result<(), Fault> {
    if !options.wants(COSTS) {
        return Ok(());
    }
    let timings = Arc::new(Timings::default());
    let mut setting = Setting::new(Server::Postgres, Kept::Redis, options.scale().rows);
    setting.timings = Some(timings.clone());
    within(&setting, async |arena| {
        for callers in [1, 64, 256] {
            costs::tell(arena, &timings, callers, &options.scale(), report).await?;
        }
        Ok(())
    })
    .await
}

//! What the steps of an acknowledgement cost: the heads, the fences, the puts, and the rest.

use serde_json::json;

use crate::Fault;
use crate::arena::{Arena, same};
use crate::keys::{Spread, keys};
use crate::load::run;
use crate::options::Scale;
use crate::report::Report;
use crate::rounds::Summary;
use crate::timed::{Step, Taken, Timings};

/// The steps by what they are for. A group has two statements: the heads are locked; the writes
/// inserted and the heads moved on. Should it have another number of them, they are told as one.
fn named(statements: usize) -> Vec<(&'static str, Vec<Step>)> {
    let mut named = vec![("begin", vec![Step::Begin])];
    if statements == 2 {
        named.push(("head", vec![Step::Statement(0)]));
        named.push(("insert", vec![Step::Statement(1)]));
    } else {
        named.push(("statements", (0..statements).map(Step::Statement).collect()));
    }
    named.extend([
        ("fence", vec![Step::Fence]),
        ("commit", vec![Step::Commit]),
        ("put", vec![Step::Lift]),
    ]);
    named
}

/// What one step took in the rounds.
#[derive(Default)]
struct Cost {
    name: &'static str,
    /// Of the time of all steps.
    shares: Vec<f64>,
    /// In microseconds.
    a_group: Vec<f64>,
    a_write: Vec<f64>,
}

/// Tells what the steps cost with so many callers.
pub(crate) async fn tell(
    arena: &Arena,
    timings: &Timings,
    callers: usize,
    scale: &Scale,
    report: &mut Report<'_>,
) -> Result<(), Fault> {
    let count = scale.writes(callers);
    let mut costs: Vec<Cost> = Vec::new();
    let mut sizes = Vec::new();
    for round in 0..=scale.rounds {
        let value = arena.value();
        let keys = keys(Spread::Uniform, arena.rows, count, u64::try_from(value)?);
        timings.take();
        run(&arena.behind, &keys, callers, value).await?;
        let taken = timings.take();
        same("writes in the outbox", arena.queued().await?, i64::try_from(count)?)?;
        arena.drain().await?;
        // The first prepares statements.
        if round > 0 {
            sizes.push(float(count) / groups(&taken));
            add(&mut costs, &taken, count);
        }
    }
    let size = middle(sizes);
    for cost in costs {
        let Some(share) = Summary::of(cost.shares) else { continue };
        let (group, write) = (middle(cost.a_group), middle(cost.a_write));
        let name = format!("cost_{}_pg_c{callers}", cost.name);
        println!(
            "bench {name} share={:.2} spread={:.2}..{:.2} goal=none ({group:.0} us for a group of \
             {size:.0}, {write:.1} us a write)",
            share.median, share.least, share.most
        );
        report.note(json!({
            "name": name, "share": share.median, "least": share.least, "most": share.most,
            "us_a_group": group, "us_a_write": write, "writes_a_group": size,
        }));
    }
    Ok(())
}

fn add(costs: &mut Vec<Cost>, taken: &Taken, count: usize) {
    let steps = named(taken.statements());
    let all: f64 = steps.iter().flat_map(|(_, steps)| steps).map(|step| taken.micros(*step)).sum();
    for (name, steps) in steps {
        let micros: f64 = steps.iter().map(|step| taken.micros(*step)).sum();
        if !costs.iter().any(|cost| cost.name == name) {
            costs.push(Cost { name, ..Cost::default() });
        }
        if let Some(cost) = costs.iter_mut().find(|cost| cost.name == name) {
            cost.shares.push(micros / all);
            cost.a_group.push(micros / groups(taken));
            cost.a_write.push(micros / float(count));
        }
    }
}

fn groups(taken: &Taken) -> f64 {
    float(usize::try_from(taken.count(Step::Commit)).unwrap_or(usize::MAX))
}

fn middle(all: Vec<f64>) -> f64 {
    Summary::of(all).map_or(0.0, |it| it.median)
}

#[allow(clippy::cast_precision_loss, reason = "counts are small")]
fn float(count: usize) -> f64 {
    count as f64
}

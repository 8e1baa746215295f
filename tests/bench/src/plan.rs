//! Which figures are measured together, on what.

use crate::Fault;
use crate::acknowledged::{p99s, rates, rounds};
use crate::arena::Arena;
use crate::options::Options;
use crate::report::Report;
use crate::servers::{Kept, Outbox, Server};

const PER_SECOND: &str = "acknowledged writes a second";

pub(crate) async fn run(options: &Options) -> Result<(), Fault> {
    options.check()?;
    let mut report = Report::new(options);
    acknowledged(options, &mut report, "wb_append_pg", Server::Postgres, Kept::InProcess).await?;
    acknowledged(options, &mut report, "wb_ack_pg", Server::Postgres, Kept::Redis).await?;
    report.finish(&options.json)
}

/// The callers of the figures that begin with a name.
const CALLERS: [usize; 3] = [1, 64, 256];

async fn acknowledged(
    options: &Options,
    report: &mut Report<'_>,
    begins: &str,
    server: Server,
    kept: Kept,
) -> Result<(), Fault> {
    let p99 = "wb_ack_p99_pg_c256";
    let all: Vec<(usize, String)> = CALLERS
        .iter()
        .map(|callers| (*callers, format!("{begins}_c{callers}")))
        .filter(|(callers, name)| {
            options.wants(name) || (*callers == 256 && begins == "wb_ack_pg" && options.wants(p99))
        })
        .collect();
    if all.is_empty() {
        return Ok(());
    }
    let arena = Arena::open(server, kept, Outbox::Deep, options.scale().rows).await?;
    let outcome = async {
        for (callers, name) in all {
            let rounds = rounds(&arena, callers, options).await?;
            report.figure(&name, PER_SECOND, &rates(&rounds))?;
            if name == "wb_ack_pg_c256" {
                report.figure(p99, "microseconds at the 99th percentile", &p99s(&rounds))?;
            }
        }
        Ok(())
    };
    let outcome = outcome.await;
    arena.close().await?;
    outcome
}

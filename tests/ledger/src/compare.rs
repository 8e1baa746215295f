//! Compares what was acknowledged with what is there: table, pending and parked together have to hold each
//! acknowledged write, once, and the newest of each row. What nobody knows of may be there or not.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::Fault;
use crate::balance::{Balance, Held, counter, entries, sheet};
use crate::ledger::{Deed, Line, Op, path};
use crate::link::{Link, integer};
use crate::models::{COUNTERS, SHEETS};
use crate::setup::Place;

/// What is compared.
#[derive(Args, Debug, Clone)]
pub(crate) struct Options {
    /// The folder of the run.
    #[arg(long)]
    folder: PathBuf,
    /// Nothing may be pending any more.
    #[arg(long)]
    drained: bool,
}

/// What is known of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Begun, and never heard of again.
    Maybe,
    Acknowledged,
    /// It failed, and said that nothing was written.
    Refused,
}

/// All writes, and what was seen meanwhile.
pub(crate) struct Said {
    pub(crate) writes: HashMap<Op, (Deed, Fate)>,
    /// The newest version of each sheet that was seen in the table.
    pub(crate) applied: HashMap<i64, i64>,
    pub(crate) regressed: u64,
    pub(crate) reordered: u64,
    pub(crate) reads: u64,
}

/// True if all is there, once and in order.
pub(crate) fn run(options: &Options) -> Result<bool, Fault> {
    let said = said(&options.folder)?;
    let held = held(&mut Place::read(&options.folder)?.link()?)?;
    let mut balance = balance(&said, &held);
    if options.drained && balance.pending > 0 {
        balance.find(&format!("{} writes are still pending", balance.pending));
        balance.stuck = balance.pending;
    }
    for finding in &balance.findings {
        println!("       {finding}");
    }
    println!("{}", balance.line());
    Ok(balance.is_clean())
}

fn said(folder: &Path) -> Result<Said, Fault> {
    let mut said = Said {
        writes: HashMap::new(),
        applied: HashMap::new(),
        regressed: 0,
        reordered: 0,
        reads: 0,
    };
    for line in BufReader::new(File::open(path(folder))?).lines() {
        let line: Line = line?.parse()?;
        let (op, fate) = match line {
            Line::Begun(op, deed) => {
                said.writes.insert(op, (deed, Fate::Maybe));
                continue;
            }
            Line::Acknowledged(op) => (op, Fate::Acknowledged),
            Line::Refused(op) => (op, Fate::Refused),
            Line::Reads(more) => {
                said.reads += more;
                continue;
            }
            Line::Regressed(_) => {
                said.regressed += 1;
                continue;
            }
            Line::Reordered(_) => {
                said.reordered += 1;
                continue;
            }
            Line::Applied { id, version } => {
                said.applied.insert(id, version);
                continue;
            }
        };
        let known = said.writes.get_mut(&op).ok_or("a write ended that nobody has begun")?;
        known.1 = fate;
    }
    Ok(said)
}

/// What the database holds, of all three models.
fn held(link: &mut Link) -> Result<Held, Fault> {
    let mut held = Held::default();
    for row in link.threes("SELECT id AS a, good AS b, good AS c FROM entries")? {
        held.entries.entry(row.a).or_default().0 += 1;
    }
    for row in link.threes("SELECT id AS a, number AS b, total AS c FROM counters")? {
        held.counters.insert(row.a, (row.b, row.c));
    }
    for row in link.threes("SELECT id AS a, version AS b, good AS c FROM sheets")? {
        held.sheets.entry(row.a).or_default().table = row.b;
    }
    for (table, is_parked) in [("cache_outbox", false), ("cache_parked", true)] {
        for waiting in link.waiting(table)? {
            *(if is_parked { &mut held.parked } else { &mut held.pending }) += 1;
            let of = |name| integer(&waiting.payload, name).ok_or("a payload without its column");
            let id = of("id")?;
            // The names of the tables are written in hexadecimal.
            if waiting.model.ends_with(&hex("entries")) {
                held.entries.entry(id).or_default().1 += 1;
            } else if waiting.model.ends_with(&hex("counters")) {
                let sums = held.counters.entry(id).or_default();
                sums.0 += of("number")?;
                sums.1 += of("total")?;
            } else if waiting.model.ends_with(&hex("sheets")) {
                let sheet = held.sheets.entry(id).or_default();
                sheet.waiting.push((waiting.seq, of("version")?, is_parked));
            } else {
                return Err(format!("an outbox of a model `{}`", waiting.model).into());
            }
        }
    }
    held.sheets.values_mut().for_each(|sheet| sheet.waiting.sort_unstable());
    Ok(held)
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn balance(said: &Said, held: &Held) -> Balance {
    let mut balance = Balance {
        pending: held.pending,
        parked: held.parked,
        regressions: said.regressed,
        reordered: said.reordered,
        reads: said.reads,
        ..Balance::default()
    };
    for (_, fate) in said.writes.values() {
        match fate {
            Fate::Acknowledged => balance.acknowledged += 1,
            Fate::Maybe => balance.maybe += 1,
            Fate::Refused => balance.refused += 1,
        }
    }
    entries(said, &held.entries, &mut balance);
    let (mut sums, mut versions) = (HashMap::new(), HashMap::new());
    for (deed, fate) in said.writes.values() {
        match *deed {
            Deed::Entry => {}
            Deed::Counter { id, weight } => {
                sums.entry(id).or_insert_with(Vec::new).push((weight, *fate));
            }
            Deed::Sheet { id, version } => {
                versions.entry(id).or_insert_with(Vec::new).push((version, *fate));
            }
        }
    }
    for id in (0..).take(COUNTERS) {
        let writes = sums.remove(&id).unwrap_or_default();
        counter(id, &writes, held.counters.get(&id).copied(), &mut balance);
    }
    for id in (0..).take(SHEETS) {
        let writes = versions.remove(&id).unwrap_or_default();
        let applied = said.applied.get(&id).copied().unwrap_or_default();
        sheet(id, &writes, held.sheets.get(&id), applied, &mut balance);
    }
    balance
}

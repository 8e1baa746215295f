//! The judgement over each row: what was said of it against what is held of it.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::compare::{Fate, Said};
use crate::ledger::Deed;

/// What a database holds.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// How often each inserted row is in its table, and how often pending or parked.
    pub(crate) entries: HashMap<i64, (u32, u32)>,
    /// Number and total of each counter, with what is pending and parked.
    pub(crate) counters: HashMap<i64, (i64, i64)>,
    pub(crate) sheets: HashMap<i64, Sheet>,
    pub(crate) pending: u64,
    pub(crate) parked: u64,
}

/// What is held of a sheet.
#[derive(Debug, Default, Clone)]
pub(crate) struct Sheet {
    /// The version in the table.
    pub(crate) table: i64,
    /// What waits behind it: number, version, and whether it is parked; in the order of the numbers.
    pub(crate) waiting: Vec<(i64, i64, bool)>,
}

/// What came out.
#[derive(Debug, Default, Clone)]
pub(crate) struct Balance {
    pub(crate) acknowledged: u64,
    pub(crate) maybe: u64,
    pub(crate) refused: u64,
    pub(crate) reads: u64,
    pub(crate) pending: u64,
    pub(crate) parked: u64,
    pub(crate) lost: u64,
    pub(crate) duplicated: u64,
    pub(crate) reordered: u64,
    pub(crate) regressions: u64,
    /// What should have been flushed by now.
    pub(crate) stuck: u64,
    /// The first of them, in words.
    pub(crate) findings: Vec<String>,
}

const WORDS: [&str; 11] = [
    "acknowledged",
    "maybe",
    "refused",
    "reads",
    "pending",
    "parked",
    "lost",
    "duplicated",
    "reordered",
    "regressions",
    "stuck",
];

impl Balance {
    pub(crate) fn find(&mut self, what: &str) {
        if self.findings.len() < 10 {
            self.findings.push(what.to_owned());
        }
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.lost + self.duplicated + self.reordered + self.regressions + self.stuck == 0
    }

    fn numbers(&self) -> [u64; WORDS.len()] {
        [
            self.acknowledged,
            self.maybe,
            self.refused,
            self.reads,
            self.pending,
            self.parked,
            self.lost,
            self.duplicated,
            self.reordered,
            self.regressions,
            self.stuck,
        ]
    }

    /// All of it in a line.
    pub(crate) fn line(&self) -> String {
        let all = WORDS.iter().zip(self.numbers()).map(|(word, number)| format!("{number} {word}"));
        format!("balance: {}", all.collect::<Vec<_>>().join(", "))
    }

    /// What such a line says.
    pub(crate) fn of_line(line: &str) -> Option<Self> {
        let mut numbers = [0; WORDS.len()];
        let mut parts = line.strip_prefix("balance: ")?.split(", ");
        for (number, word) in numbers.iter_mut().zip(WORDS) {
            *number = parts.next()?.strip_suffix(word)?.trim_end().parse().ok()?;
        }
        let [acknowledged, maybe, refused, reads, pending, parked, lost, rest @ ..] = numbers;
        let [duplicated, reordered, regressions, stuck] = rest;
        Some(Self {
            acknowledged,
            maybe,
            refused,
            reads,
            pending,
            parked,
            lost,
            duplicated,
            reordered,
            regressions,
            stuck,
            findings: Vec::new(),
        })
    }
}

/// Rows that are only inserted: each acknowledged one is there, in one place.
pub(crate) fn entries(said: &Said, held: &HashMap<i64, (u32, u32)>, balance: &mut Balance) {
    let mut known = HashSet::with_capacity(held.len());
    for (op, (deed, fate)) in &said.writes {
        if *deed != Deed::Entry {
            continue;
        }
        known.insert(op.id());
        let (table, waiting) = held.get(&op.id()).copied().unwrap_or_default();
        match (fate, table + waiting) {
            (Fate::Acknowledged, 0) => {
                balance.lost += 1;
                balance.find(&format!("lost: the row of {op:?}"));
            }
            (_, 2..) => {
                balance.duplicated += 1;
                balance.find(&format!("twice: {op:?}, {table} in the table, {waiting} waiting"));
            }
            (Fate::Refused, 1) => {
                balance.duplicated += 1;
                balance.find(&format!("refused, and there all the same: {op:?}"));
            }
            _ => {}
        }
    }
    for id in held.keys().filter(|id| !known.contains(id)) {
        balance.duplicated += 1;
        balance.find(&format!("there, and nobody has written it: the row {id}"));
    }
}

/// More writes of a counter than this that nobody knows of, and only their range is checked.
const TRIED: usize = 18;

/// A counter: the sum of what was acknowledged, and of some of what nobody knows of.
pub(crate) fn counter(
    id: i64,
    writes: &[(i64, Fate)],
    held: Option<(i64, i64)>,
    balance: &mut Balance,
) {
    let Some((number, total)) = held else {
        balance.lost += 1;
        return balance.find(&format!("lost: the counter {id}"));
    };
    let of = |fate| writes.iter().filter(move |write| write.1 == fate).map(|write| write.0);
    let sure = of(Fate::Acknowledged).fold((0, 0), |sum: (i64, i64), it| (sum.0 + 1, sum.1 + it));
    let maybe: Vec<i64> = of(Fate::Maybe).collect();
    let (more, weight) = (number - sure.0, total - sure.1);
    let told = format!("counter {id}: {more} more than acknowledged, {} maybe", maybe.len());
    let most = i64::try_from(maybe.len()).unwrap_or(i64::MAX);
    if more < 0 {
        balance.lost += more.unsigned_abs();
        balance.find(&told);
    } else if more > most {
        balance.duplicated += (more - most).unsigned_abs();
        balance.find(&told);
    } else if !adds_up(more.unsigned_abs(), weight, &maybe) {
        // As many as there may be, but not these: one is missing, and another is there twice.
        balance.lost += 1;
        balance.duplicated += 1;
        balance.find(&format!("{told}, and their weight {weight} is none that these can have"));
    }
}

/// Whether so many of these can have this weight.
fn adds_up(count: u64, weight: i64, maybe: &[i64]) -> bool {
    if maybe.len() > TRIED {
        let mut sorted = maybe.to_vec();
        sorted.sort_unstable();
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(sorted.len());
        let least: i64 = sorted[..count].iter().sum();
        let most: i64 = sorted[sorted.len() - count..].iter().sum();
        return (least..=most).contains(&weight);
    }
    let mut sums = HashSet::from([(0, 0)]);
    for more in maybe {
        let with: Vec<(u64, i64)> =
            sums.iter().map(|(number, sum)| (number + 1, sum + more)).collect();
        sums.extend(with);
    }
    sums.contains(&(count, weight))
}

/// A sheet: the newest that was acknowledged, or a newer one; and nothing older waits behind it.
pub(crate) fn sheet(
    id: i64,
    writes: &[(i64, Fate)],
    held: Option<&Sheet>,
    applied: i64,
    balance: &mut Balance,
) {
    let Some(held) = held else {
        balance.lost += 1;
        return balance.find(&format!("lost: the sheet {id}"));
    };
    let newest = |fate| writes.iter().filter(|it| it.1 == fate).map(|it| it.0).max();
    let acknowledged = newest(Fate::Acknowledged).unwrap_or_default();
    let known: BTreeSet<i64> =
        writes.iter().filter(|it| it.1 != Fate::Refused).map(|it| it.0).collect();
    let waiting: Vec<i64> = held.waiting.iter().map(|it| it.1).collect();
    let present = waiting.last().copied().unwrap_or(held.table);
    let told = format!(
        "sheet {id}: {} in the table, {waiting:?} waiting, {acknowledged} acknowledged, {applied} was \
         seen in the table",
        held.table
    );
    if waiting.contains(&held.table) {
        balance.duplicated += 1;
        return balance.find(&told);
    }
    let all = || std::iter::once(&held.table).chain(&waiting);
    if !all().is_sorted() || present < applied {
        balance.reordered += 1;
        return balance.find(&told);
    }
    if present < acknowledged {
        balance.lost += 1;
        balance.find(&told);
    }
    if let Some(foreign) = all().find(|version| **version != 0 && !known.contains(version)) {
        balance.duplicated += 1;
        balance.find(&format!("{told}; {foreign} was refused, or never written"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Op;

    const A: Fate = Fate::Acknowledged;

    fn verdict(judge: impl FnOnce(&mut Balance)) -> (u64, u64, u64) {
        let mut balance = Balance::default();
        judge(&mut balance);
        (balance.lost, balance.duplicated, balance.reordered)
    }

    #[test]
    fn a_line_says_all() {
        let balance = Balance { acknowledged: 5, stuck: 7, lost: 1, ..Balance::default() };
        let read = Balance::of_line(&balance.line()).unwrap();
        assert_eq!(read.numbers(), balance.numbers());
        assert!(!read.is_clean());
        assert!(Balance::of_line("balance: 5 acknowledged").is_none());
    }

    #[test]
    fn an_inserted_row_is_there_once() {
        let judge = |fate, held| {
            let writes = HashMap::from([(Op(0, 1), (Deed::Entry, fate))]);
            let (applied, regressed, reordered, reads) = (HashMap::new(), 0, 0, 0);
            let said = Said { writes, applied, regressed, reordered, reads };
            verdict(|balance| entries(&said, &HashMap::from([held]), balance))
        };
        assert_eq!(judge(A, (1, (1, 0))), (0, 0, 0));
        assert_eq!(judge(A, (1, (0, 1))), (0, 0, 0));
        assert_eq!(judge(A, (1, (0, 0))), (1, 0, 0));
        assert_eq!(judge(A, (1, (1, 1))), (0, 1, 0));
        assert_eq!(judge(Fate::Maybe, (1, (0, 0))), (0, 0, 0));
        assert_eq!(judge(Fate::Refused, (1, (1, 0))), (0, 1, 0));
        assert_eq!(judge(A, (2, (1, 0))), (1, 1, 0), "another one");
    }

    #[test]
    fn a_counter_is_the_sum_of_what_is_known_and_some_of_the_rest() {
        let writes = [(10, A), (20, A), (5, Fate::Maybe), (7, Fate::Maybe), (9, Fate::Refused)];
        let judge = |held| verdict(|balance| counter(0, &writes, Some(held), balance));
        for right in [(2, 30), (3, 35), (3, 37), (4, 42)] {
            assert_eq!(judge(right), (0, 0, 0));
        }
        assert_eq!(judge((1, 20)), (1, 0, 0));
        assert_eq!(judge((5, 52)), (0, 1, 0));
        assert_eq!(judge((3, 50)), (1, 1, 0), "as many, but not these");
    }

    #[test]
    fn a_sheet_is_the_newest_and_nothing_older_follows() {
        let writes = [(1, A), (2, A), (3, Fate::Maybe), (4, Fate::Refused)];
        let judge = |table, waiting: &[i64], applied| {
            let waiting = (0..).zip(waiting).map(|(seq, version)| (seq, *version, false)).collect();
            let held = Sheet { table, waiting };
            verdict(|balance| sheet(0, &writes, Some(&held), applied, balance))
        };
        assert_eq!(judge(2, &[], 2), (0, 0, 0));
        assert_eq!(judge(0, &[1, 2], 0), (0, 0, 0));
        assert_eq!(judge(3, &[], 2), (0, 0, 0));
        assert_eq!(judge(1, &[], 1), (1, 0, 0));
        assert_eq!(judge(1, &[], 2), (0, 0, 1), "an older one came later");
        assert_eq!(judge(2, &[1], 2), (0, 0, 1));
        assert_eq!(judge(2, &[2], 2), (0, 1, 0));
        assert_eq!(judge(4, &[], 4), (0, 1, 0), "refused");
    }
}

//! The ledger: a file of lines that the coordinator alone writes. A worker says each through its pipe,
//! which outlives it: what it said before it was killed is read all the same.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::str::{FromStr, SplitWhitespace};
use std::sync::{Mutex, PoisonError};

/// A write, of all of a run: the life that began it, and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Op(pub(crate) u32, pub(crate) u32);

impl Op {
    /// The key of the row that it inserts, if it inserts one.
    pub(crate) fn id(self) -> i64 {
        (i64::from(self.0) << 32) | i64::from(self.1)
    }
}

/// What a write does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Inserts the row of its own key.
    Entry,
    /// Adds to a counter.
    Counter { id: i64, weight: i64 },
    /// Replaces a sheet.
    Sheet { id: i64, version: i64 },
}

/// A line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// A write is about to be called.
    Begun(Op, Deed),
    /// It was acknowledged.
    Acknowledged(Op),
    /// It failed, and promised that nothing was written.
    Refused(Op),
    /// So many more reads were checked.
    Reads(u64),
    /// A read went back.
    Regressed(String),
    /// The table of sheets went back: an older write was applied after a newer one.
    Reordered(String),
    /// This version was seen in the table of sheets.
    Applied { id: i64, version: i64 },
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begun(Op(life, number), deed) => match deed {
                Deed::Entry => write!(f, "b {life} {number} e"),
                Deed::Counter { id, weight } => write!(f, "b {life} {number} c {id} {weight}"),
                Deed::Sheet { id, version } => write!(f, "b {life} {number} s {id} {version}"),
            },
            Self::Acknowledged(Op(life, number)) => write!(f, "a {life} {number}"),
            Self::Refused(Op(life, number)) => write!(f, "f {life} {number}"),
            Self::Reads(more) => write!(f, "n {more}"),
            Self::Regressed(what) => write!(f, "v {what}"),
            Self::Reordered(what) => write!(f, "o {what}"),
            Self::Applied { id, version } => write!(f, "t {id} {version}"),
        }
    }
}

fn next<T: FromStr>(words: &mut SplitWhitespace<'_>) -> Option<T> {
    words.next()?.parse().ok()
}

impl FromStr for Line {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let mut words = text.split_whitespace();
            let words = &mut words;
            let rest = || text.get(2..).map(str::to_owned);
            Some(match words.next()? {
                "b" => {
                    let op = Op(next(words)?, next(words)?);
                    let deed = match words.next()? {
                        "e" => Deed::Entry,
                        "c" => Deed::Counter { id: next(words)?, weight: next(words)? },
                        "s" => Deed::Sheet { id: next(words)?, version: next(words)? },
                        _ => return None,
                    };
                    Self::Begun(op, deed)
                }
                "a" => Self::Acknowledged(Op(next(words)?, next(words)?)),
                "f" => Self::Refused(Op(next(words)?, next(words)?)),
                "n" => Self::Reads(next(words)?),
                "v" => Self::Regressed(rest()?),
                "o" => Self::Reordered(rest()?),
                "t" => Self::Applied { id: next(words)?, version: next(words)? },
                _ => return None,
            })
        };
        parse().ok_or_else(|| format!("`{text}` is not a line of a ledger"))
    }
}

/// What has been counted so far.
#[derive(Debug, Default, Clone)]
pub(crate) struct Sums {
    pub(crate) acknowledged: u64,
    pub(crate) refused: u64,
    pub(crate) reads: u64,
    pub(crate) regressed: Vec<String>,
    pub(crate) reordered: Vec<String>,
}

impl Sums {
    fn count(&mut self, line: Line) {
        match line {
            Line::Acknowledged(_) => self.acknowledged += 1,
            Line::Refused(_) => self.refused += 1,
            Line::Reads(more) => self.reads += more,
            Line::Regressed(what) => self.regressed.push(what),
            Line::Reordered(what) => self.reordered.push(what),
            Line::Begun(..) | Line::Applied { .. } => {}
        }
    }
}

/// The ledger as the coordinator has it.
pub(crate) struct Ledger(Mutex<(File, Sums)>);

/// Where it is.
pub(crate) fn path(folder: &Path) -> PathBuf {
    folder.join("ledger")
}

impl Ledger {
    pub(crate) fn create(folder: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create_new(true).append(true).open(path(folder))?;
        Ok(Self(Mutex::new((file, Sums::default()))))
    }

    /// Writes whole lines, and counts them once they are on the disk.
    fn append(&self, lines: &str) -> io::Result<()> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.0.write_all(lines.as_bytes())?;
        held.0.sync_data()?;
        for line in lines.lines() {
            held.1.count(line.parse().map_err(io::Error::other)?);
        }
        Ok(())
    }

    /// Writes a line of the coordinator's own.
    pub(crate) fn note(&self, line: &Line) -> io::Result<()> {
        self.append(&format!("{line}\n"))
    }

    /// Takes down what a worker says, to the end of its pipe.
    pub(crate) fn listen(&self, mut pipe: impl Read) -> io::Result<()> {
        let mut bytes = Vec::new();
        let mut chunk = vec![0; 1 << 16];
        loop {
            let read = pipe.read(&mut chunk)?;
            if read == 0 {
                // A worker writes each line in one call, which a kill does not tear.
                let torn = !bytes.is_empty();
                return if torn { Err(io::Error::other("a torn line")) } else { Ok(()) };
            }
            bytes.extend_from_slice(&chunk[..read]);
            let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else { continue };
            let rest = bytes.split_off(end + 1);
            let whole = std::mem::replace(&mut bytes, rest);
            self.append(&String::from_utf8(whole).map_err(io::Error::other)?)?;
        }
    }

    pub(crate) fn sums(&self) -> Sums {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_can_be_read_back() {
        for line in [
            Line::Begun(Op(3, 4), Deed::Entry),
            Line::Begun(Op(3, 4), Deed::Counter { id: 1, weight: 99 }),
            Line::Begun(Op(3, 4), Deed::Sheet { id: 5, version: 7 }),
            Line::Acknowledged(Op(1, 2)),
            Line::Refused(Op(1, 2)),
            Line::Reads(12),
            Line::Regressed("a read went back".into()),
            Line::Reordered("a sheet went back".into()),
            Line::Applied { id: 1, version: 2 },
        ] {
            assert_eq!(line.to_string().parse(), Ok(line));
        }
        assert!("a 1".parse::<Line>().is_err());
    }

    #[test]
    fn what_is_said_is_on_the_disk_before_it_counts() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::create(folder.path()).unwrap();
        ledger.listen(&b"b 1 1 e\na 1 1\nn 5\nb 1 2 e\nf 1 2\n"[..]).unwrap();
        let sums = ledger.sums();
        assert_eq!((sums.acknowledged, sums.refused, sums.reads), (1, 1, 5));
        let text = std::fs::read_to_string(path(folder.path())).unwrap();
        assert_eq!(text.lines().count(), 5);
        assert!(ledger.listen(&b"a 1"[..]).is_err(), "torn");
    }
}

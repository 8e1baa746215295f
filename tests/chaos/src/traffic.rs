//! What the processes do to the rows: read, write, and read again within the millisecond.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cache_rig::clock::{MS, now};
use futures_util::future::try_join_all;
use rand::Rng as _;
use tokio::net::UnixDatagram;
use tokio::sync::{Semaphore, watch};

use crate::check::{Checker, Row};
use crate::counters::Count;
use crate::register::{Field, PROCESSES};
use crate::subjects::{Reading, Subject, Way};

/// How many reads of a row begin at once when its write is acknowledged.
const BURST: usize = 4;
/// How many rows one process follows at once.
const CHASES: usize = 6;
/// Reads by chance, of each model. A validated hit costs a statement, so there are fewer.
const READS: [u32; 4] = [6, 6, 1, 1];
const WRITES: [u32; 4] = [4, 4, 2, 2];

/// One process's traffic.
pub(crate) struct Traffic {
    pub(crate) checker: Checker,
    pub(crate) subjects: Vec<Arc<dyn Subject>>,
    pub(crate) news: News,
    pub(crate) stop: watch::Receiver<bool>,
    /// How many rows of each model are used, four at least: the fewer, the more they contend.
    pub(crate) rows: usize,
}

impl Traffic {
    fn is_over(&self) -> bool {
        *self.stop.borrow()
    }

    fn of(&self, row: Row) -> &dyn Subject {
        &*self.subjects[row.model]
    }

    fn any_row(&self, weights: &[u32; 4]) -> Row {
        let mut random = rand::rng();
        let mut dice = random.random_range(0..weights.iter().sum());
        let mut model = 0;
        while dice >= weights[model] {
            dice -= weights[model];
            model += 1;
        }
        Row { model, id: random.random_range(0..self.rows) }
    }

    async fn read(&self, row: Row, reading: Reading) -> io::Result<()> {
        let (how, count) = match reading {
            Reading::Find => ("find", Count::Read),
            Reading::Lookup => ("find_by_label", Count::Read),
            Reading::Uncached => ("find_uncached", Count::Uncached),
            Reading::Refresh => ("refresh", Count::Uncached),
        };
        let begun = self.checker.begin(row)?;
        let outcome = self.of(row).read(row.key(), reading).await;
        self.checker.end(&begun, how, count, outcome)
    }

    /// Four rows at once; one read, checked row by row.
    async fn read_many(&self, first: Row) -> io::Result<()> {
        let rows: Vec<Row> =
            (0..4).map(|more| Row { id: (first.id + more) % self.rows, ..first }).collect();
        let begun =
            rows.iter().map(|row| self.checker.begin(*row)).collect::<io::Result<Vec<_>>>()?;
        let keys = rows.iter().map(|row| row.key()).collect();
        match self.of(first).find_many(keys).await {
            Ok(values) => {
                for (place, (begun, value)) in begun.iter().zip(values).enumerate() {
                    let count = if place == 0 { Count::Read } else { Count::Uncounted };
                    self.checker.end(begun, "find_many", count, Ok(value))?;
                }
                Ok(())
            }
            Err(error) => self.checker.end(&begun[0], "find_many", Count::Read, Err(error)),
        }
    }

    /// Reads by chance until it is over.
    pub(crate) async fn read_on(self: Arc<Self>) -> io::Result<()> {
        while !self.is_over() {
            let row = self.any_row(&READS);
            let dice = rand::rng().random_range(0..128);
            match dice {
                // Who has seen the truth must not be served anything older (anomaly 8).
                0..4 => {
                    self.read(row, Reading::Uncached).await?;
                    self.read(row, Reading::Find).await?;
                }
                4 => self.read(row, Reading::Refresh).await?,
                5 => self.of(row).invalidate(row.key()).await,
                6..12 => self.read_many(row).await?,
                12..20 => self.read(row, Reading::Lookup).await?,
                _ => self.read(row, Reading::Find).await?,
            }
        }
        Ok(())
    }

    /// Writes by chance until it is over.
    pub(crate) async fn write_on(self: Arc<Self>) -> io::Result<()> {
        const WAYS: [Way; 6] =
            [Way::Update, Way::Filtered, Way::Optimistic, Way::Locked, Way::Saved, Way::Undone];
        while !self.is_over() {
            let row = self.any_row(&WRITES);
            let (dice, pause) = {
                let mut random = rand::rng();
                (random.random_range(0..=WAYS.len() * 4), random.random_range(0..16))
            };
            match WAYS.get(dice / 4) {
                Some(way) => self.write(row, *way).await?,
                None => {
                    if let Err(error) = self.of(row).roll_back(row.key()).await {
                        self.unwritten("roll_back", &error);
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        Ok(())
    }

    async fn write(&self, row: Row, way: Way) -> io::Result<()> {
        // Before it can take effect, and whatever becomes of it.
        self.checker.register.count(row.place(), Field::Begun)?;
        match self.of(row).increment(row.key(), way).await {
            Ok(value) => {
                let at = self.checker.acknowledge(row, value)?;
                self.news.tell(row, at);
            }
            Err(error) => self.unwritten("increment", &error),
        }
        Ok(())
    }

    fn unwritten(&self, what: &str, error: &cache_runtime::Error) {
        self.checker.counters.add(Count::Unwritten, 1);
        // Others may well have been faster, or have waited for each other.
        let is_deadlock = || error.to_string().to_lowercase().contains("deadlock");
        if error.kind() != cache_runtime::ErrorKind::Conflict && !is_deadlock() {
            eprintln!("{what}: {error}");
        }
    }

    /// Follows the writes that any process acknowledges, for the millisecond after each.
    pub(crate) async fn chase_on(self: Arc<Self>) -> io::Result<()> {
        let chases = Arc::new(Semaphore::new(CHASES));
        let mut stop = self.stop.clone();
        loop {
            let (row, at) = tokio::select! {
                news = self.news.next() => news?,
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
            };
            // One that comes too late is of no use: its millisecond is over.
            let Ok(chase) = chases.clone().try_acquire_owned() else { continue };
            let this = self.clone();
            tokio::spawn(async move {
                let outcome = this.chase(row, at).await;
                drop(chase);
                this.or_give_up(outcome);
            });
        }
    }

    async fn chase(&self, row: Row, at: u64) -> io::Result<()> {
        if now() > at + MS {
            return Ok(());
        }
        try_join_all((0..BURST).map(|_| self.read(row, Reading::Find))).await?;
        while now() <= at + MS && !self.is_over() {
            self.read(row, Reading::Find).await?;
        }
        Ok(())
    }

    /// A register that cannot be written checks nothing: the process ends, and the run fails.
    fn or_give_up(&self, outcome: io::Result<()>) {
        if let Err(error) = outcome {
            eprintln!("the register failed: {error}");
            std::process::exit(1);
        }
    }
}

/// How processes tell each other of acknowledged writes.
pub(crate) struct News {
    socket: UnixDatagram,
    processes: Vec<PathBuf>,
}

impl News {
    /// Listens as this process, also where a killed one has left its socket.
    pub(crate) fn listen(folder: &Path, process: usize) -> io::Result<Self> {
        let processes: Vec<PathBuf> =
            (0..PROCESSES).map(|process| folder.join(format!("news{process}"))).collect();
        match std::fs::remove_file(&processes[process]) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let socket = UnixDatagram::bind(&processes[process])?;
        Ok(Self { socket, processes })
    }

    fn tell(&self, row: Row, at: u64) {
        let mut message = [0; 16];
        message[..8].copy_from_slice(&(row.place() as u64).to_le_bytes());
        message[8..].copy_from_slice(&at.to_le_bytes());
        for process in &self.processes {
            // One that is being killed, or is busy, need not know.
            let _ = self.socket.try_send_to(&message, process);
        }
    }

    async fn next(&self) -> io::Result<(Row, u64)> {
        let mut message = [0; 16];
        self.socket.recv(&mut message).await?;
        let [place, at] = message.as_chunks::<8>().0 else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let place = usize::try_from(u64::from_le_bytes(*place)).unwrap_or_default();
        Ok((Row::at(place), u64::from_le_bytes(*at)))
    }
}

//! What is true at one moment, in the source, in the store and in each consumer.

/// How many changes there are. Each is told of by one event, with its number.
pub const CHANGES: u8 = 2;

/// Where an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Event {
    Unsent,
    /// Nobody has read it.
    Waiting,
    /// Somebody has, and has not acknowledged it.
    Pending,
    /// Acknowledged.
    Done,
    /// Trimmed before that.
    Lost,
}

/// The entries that a change concerns: the row's, which the event names, and one by a value that the row
/// comes to with the change, which the database alone can tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub struct Entry {
    /// As of which change.
    pub value: Option<u8>,
    pub leased: bool,
}

/// What a consumer works at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub struct Work {
    /// The event that it has read, or those that it was told are lost: a bit each.
    pub events: u8,
    /// Whether they are lost.
    pub gap: bool,
    pub phase: Phase,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Phase {
    Read,
    /// All that it can name is removed, and fenced if the source may be ahead.
    Removed,
    /// The source cannot be ahead any longer, the fence is lifted.
    Over,
    /// All is removed again.
    Again,
}

/// A process that consumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub struct Consumer {
    pub work: Option<Work>,
    /// The events that it remembers to have applied.
    pub recent: u8,
    /// The entries around which its fence stands, which may outlive it.
    pub fence: u8,
}

/// A reader that missed, and has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub struct Reader {
    pub entry: usize,
    pub row: u8,
}

/// What is true at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub struct State {
    /// Whether the source is a table: an event commits with its change, and none is lost.
    pub table: bool,
    /// The event that nobody can read.
    pub poison: Option<u8>,
    /// How many changes have committed.
    pub row: u8,
    pub events: [Event; CHANGES as usize],
    /// Those that were acknowledged at least once, as they may be sent again: a bit each.
    pub heard: u8,
    /// The lost events of which the source tells: a bit each.
    pub gap: u8,
    pub entries: [Entry; 2],
    pub consumers: [Consumer; 2],
    pub reader: Option<Reader>,
}

/// All entries, and the one that an event names.
pub const ALL: u8 = 0b11;
/// The row's entry.
pub const NAMED: u8 = 0b01;

/// The bit of an event.
pub fn bit(event: u8) -> u8 {
    1 << (event - 1)
}

/// The events of these bits.
pub fn events(of: u8) -> impl Iterator<Item = u8> {
    (1..=CHANGES).filter(move |event| of & bit(*event) != 0)
}

impl Consumer {
    const IDLE: Self = Self { work: None, recent: 0, fence: 0 };

    /// Whether it has removed what this event names, and goes on.
    pub fn has_taken_up(&self, event: u8) -> bool {
        self.work.is_some_and(|work| work.phase > Phase::Read && work.events & bit(event) != 0)
    }
}

impl State {
    /// Where it begins.
    pub fn new(table: bool, poison: Option<u8>) -> Self {
        Self {
            table,
            poison,
            row: 0,
            events: [Event::Unsent; CHANGES as usize],
            heard: 0,
            gap: 0,
            entries: [Entry::default(); 2],
            consumers: [Consumer::IDLE; 2],
            reader: None,
        }
    }

    /// Where an event is.
    pub fn event(&self, event: u8) -> Event {
        self.events[usize::from(event) - 1]
    }

    /// The same, to be moved.
    pub fn event_mut(&mut self, event: u8) -> &mut Event {
        &mut self.events[usize::from(event) - 1]
    }

    /// Whether nobody will ever hear of this event again.
    pub fn is_over(&self, event: u8) -> bool {
        match self.event(event) {
            _ if self.heard & bit(event) != 0 => true,
            Event::Lost => {
                let told = |consumer: &Consumer| {
                    consumer.work.is_some_and(|work| work.gap && work.events & bit(event) != 0)
                };
                self.gap & bit(event) == 0 && !self.consumers.iter().any(told)
            }
            _ => false,
        }
    }

    /// Whether a fence stands around this entry.
    pub fn fenced(&self, entry: usize) -> bool {
        self.consumers.iter().any(|consumer| consumer.fence >> entry & 1 == 1)
    }

    /// These go from the store.
    pub fn remove(&mut self, entries: u8, leases: bool) {
        for (at, entry) in self.entries.iter_mut().enumerate() {
            if entries >> at & 1 == 1 {
                entry.value = None;
                entry.leased &= !leases;
            }
        }
    }
}

//! A writer under a fence: where its transaction is, and where its fences are.

/// How far a writer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// It has not begun.
    Idle,
    /// It has the row's lock, and has stated what it writes.
    Locked,
    /// Its FENCE was answered.
    Fenced,
    /// COMMIT is sent and the answer lost. The fence is kept until the transaction has ended.
    Unsure,
    /// The database says that the transaction has ended, not how.
    Ended,
    /// It has crashed with COMMIT sent.
    Orphaned,
    /// COMMIT was answered; RELEASE is due.
    Committed,
    /// Rolled back; RELEASE is due.
    RolledBack,
    /// It has crashed, or released and acknowledged.
    Gone,
}

impl Phase {
    /// From the statement to the end of the transaction.
    pub fn holds_the_lock(self) -> bool {
        self == Self::Locked || self.may_commit()
    }

    /// The time through which a fence has to live.
    pub fn may_commit(self) -> bool {
        matches!(self, Self::Fenced | Self::Unsure | Self::Orphaned)
    }
}

/// A fence in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Fence {
    None,
    Stands,
    Tainted,
}

impl Fence {
    /// Whether it is in the store.
    pub fn stands(self) -> bool {
        self != Self::None
    }

    /// The same, tainted.
    pub fn tainted(self) -> Self {
        if self.stands() { Self::Tainted } else { self }
    }
}

/// An attempt of FENCE whose answer did not come in time, and its fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Early {
    None,
    UnderWay,
    Stands,
    Tainted,
}

impl Early {
    /// Whether its fence is in the store.
    pub fn stands(self) -> bool {
        matches!(self, Self::Stands | Self::Tainted)
    }

    /// The same, tainted.
    pub fn tainted(self) -> Self {
        if self.stands() { Self::Tainted } else { self }
    }
}

/// A writer, with what it has in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Writer {
    /// How far it has come.
    pub phase: Phase,
    /// The row that it writes.
    pub row: u8,
    /// Whether an attempt of FENCE was answered.
    pub answered: bool,
    /// The fence of that attempt.
    pub own: Fence,
    /// An attempt before that one.
    pub early: Early,
}

impl Writer {
    /// One that has not begun.
    pub const IDLE: Self =
        Self { phase: Phase::Idle, row: 0, answered: false, own: Fence::None, early: Early::None };

    /// One that takes no part.
    pub const GONE: Self = Self { phase: Phase::Gone, ..Self::IDLE };

    /// Has the lock, and will write this row.
    pub fn lock(&mut self, row: u8) {
        (self.phase, self.row) = (Phase::Locked, row);
    }

    /// Knows that its fence stands.
    pub fn fence_answered(&mut self) {
        self.answered = true;
        if self.phase == Phase::Locked {
            self.phase = Phase::Fenced;
        }
    }

    /// The transaction ends; `known` is the phase of a writer that is told how.
    pub fn end(&mut self, known: Phase) {
        match self.phase {
            Phase::Unsure => self.phase = Phase::Ended,
            Phase::Orphaned => self.leave(Phase::Gone),
            _ => self.phase = known,
        }
    }

    /// Dies. Without a COMMIT sent, the database rolls back.
    pub fn crash(&mut self) {
        match self.phase {
            Phase::Unsure => self.leave(Phase::Orphaned),
            _ => self.leave(Phase::Gone),
        }
    }

    /// Is heard of no more; what it knew is forgotten.
    pub fn leave(&mut self, phase: Phase) {
        self.phase = phase;
        self.answered = false;
        if phase == Phase::Gone {
            self.row = 0;
        }
    }

    /// Its fences are lost by the store; an attempt under way is not.
    pub fn forget_fences(&mut self) {
        self.own = Fence::None;
        if self.early.stands() {
            self.early = Early::None;
        }
    }
}

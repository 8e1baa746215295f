//! The way of a miss, as every protocol with leases has it, and who may share it.
//!
//! A flight asks for the lease, reads the database, sends the row to its callers
//! and, as a FILL, to the store. What it sends is executed at once or any time
//! later; a reply comes any time after that. A caller may come aboard at every
//! point. Those who came before the read was sent need no model: they get a row
//! that was read after they came. The others are the point.

/// Where a flight is. Rows are numbered in the order of their commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flight {
    /// Nobody flies.
    Grounded,
    /// The script that asks for the lease found a row; its reply is on the way.
    Found {
        /// The row.
        row: u8,
    },
    /// It holds a lease and is about to read.
    Leased {
        /// The lease's token.
        token: u8,
    },
    /// It has read, and answered those who came before.
    Read(Cargo),
    /// The FILL is on its way.
    Filling(Cargo),
    /// The FILL was executed; its reply is on the way.
    Filled {
        /// The row.
        row: u8,
        /// Whether it was accepted.
        accepted: bool,
        /// As in [`Cargo`].
        late: bool,
    },
}

/// What a flight carries to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cargo {
    /// The lease's token.
    pub token: u8,
    /// The row.
    pub row: u8,
    /// The time since the read was sent.
    pub age: u8,
    /// Whether somebody waits for the FILL's reply for whom this row is too old.
    pub late: bool,
}

/// When a caller may share what a flight brings.
#[derive(Clone, Copy, Debug)]
pub struct Joins {
    /// What the lease's script found: only who came before it was sent.
    pub before_look: bool,
    /// What was read: only who came before the read was sent, at once;
    pub before_read: bool,
    /// who came later waits for the FILL to be accepted,
    pub if_accepted: bool,
    /// and has to have come before the FILL was sent.
    pub before_fill: bool,
}

impl Flight {
    /// A caller comes aboard for whom rows before `floor` are too old. Returns whether it is given
    /// such a row at once. Who may not share waits for the next flight.
    pub fn board(&mut self, floor: u8, joins: Joins) -> bool {
        match self {
            Self::Found { row } => *row < floor && !joins.before_look,
            Self::Read(cargo) if cargo.row < floor => {
                cargo.late = true;
                !joins.before_read
            }
            Self::Filling(cargo) if cargo.row < floor => {
                cargo.late |= !joins.before_fill;
                false
            }
            Self::Filled { row, late, .. } if *row < floor => {
                *late |= !joins.before_fill;
                false
            }
            _ => false,
        }
    }

    /// The FILL's reply arrives. Returns whether somebody is given a row that is too old.
    pub fn land(&mut self, joins: Joins) -> bool {
        let stale = matches!(
            self,
            Self::Filled { accepted, late: true, .. } if *accepted || !joins.if_accepted
        );
        *self = Self::Grounded;
        stale
    }

    /// Whether somebody waits for the reply for whom its row is too old.
    pub fn has_late(self) -> bool {
        matches!(self, Self::Filled { late: true, .. })
    }
}

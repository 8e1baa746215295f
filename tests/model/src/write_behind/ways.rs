//! What a group of writes, a flush and whoever parks do, each at one moment.

use super::state::{
    Fence, Flush, Flusher, Kind, Phase, Reader, State, Writer, bit, first, numbers, up_to,
};
use super::{Defence, Fate, WriteBehind};
use Defence::*;

impl WriteBehind {
    /// What everything does that removes a value.
    fn remove(&self, state: &mut State) {
        state.value = None;
        state.leased = false;
        if self.stands(TaintRemoval) {
            state.taint_all();
        }
    }

    /// The script FENCE.
    fn fence(&self, state: &mut State) -> Fence {
        state.value = None;
        state.leased = false;
        if !state.fenced() {
            return Fence::Stands;
        }
        if !self.stands(TaintOverlap) {
            return Fence::Stands;
        }
        state.taint_all();
        Fence::Tainted
    }

    /// The head is locked, the next numbers are taken, the writes are inserted.
    pub(super) fn lock(&self, state: &mut State, at: usize, count: u8) {
        let writes = up_to(bit(state.numbers + count)) & !((1 << state.numbers) - 1);
        state.numbers += count;
        let behind = state.parked != 0 && self.stands(ParkedHolds);
        // Whoever has read something else is refused, as if he had never come.
        let is_seen = state.overlaid().outside;
        state.seen |= if is_seen { writes } else { 0 };
        let writer = &mut state.writers[at];
        (writer.phase, writer.writes, writer.behind) = (Phase::Locked, writes, behind);
    }

    pub(super) fn rollback(&self, state: &mut State, at: usize) {
        let writes = state.writers[at].writes;
        if self.stands(NumberUnderHead) {
            state.numbers -= writes.count_ones() as u8;
        }
        state.seen &= !writes;
        state.writers[at].leave();
    }

    pub(super) fn fence_group(&self, state: &mut State, at: usize) {
        let fence = self.fence(state);
        let writer = &mut state.writers[at];
        (writer.fence, writer.answered) = (fence, true);
        if writer.phase == Phase::Locked {
            writer.phase = Phase::Fenced;
        }
    }

    pub(super) fn commit(&self, state: &mut State, at: usize) {
        let Writer { writes, behind, .. } = state.writers[at];
        // Defence off: the store alone has it.
        if self.stands(IntentFirst) {
            let own = state.own(writes);
            state.committed |= writes;
            state.parked |= if behind { own } else { 0 };
            state.outbox |= if behind { writes & !own } else { writes };
        }
        state.writers[at].phase = Phase::Committed;
    }

    /// The fence is lifted, and the group acknowledged.
    pub(super) fn lift(&self, state: &mut State, at: usize) {
        let Writer { writes, behind, answered, fence, .. } = state.writers[at];
        let own = state.own(writes);
        let whole = numbers(own).last().is_some_and(|last| state.kind(last) == Kind::Put);
        let may = answered && (!behind || !self.stands(QueuedNeverPut));
        let stands = fence == Fence::Stands || (fence == Fence::None && !self.stands(OwnFence));
        if own == 0 {
            // Nothing of the row's was touched.
        } else if whole && may && stands {
            state.value = Some((state.truth() & up_to(own)) | own);
        } else {
            self.remove(state);
        }
        state.acknowledged |= writes;
        state.writers[at].fence = Fence::None;
        state.writers[at].leave();
    }

    /// The oldest writes, one or all.
    pub(super) fn take(&self, state: &mut State, at: usize, all: bool) {
        let oldest = first(state.outbox);
        let newest = state.outbox & !(up_to(state.outbox) >> 1);
        let one = if self.stands(OldestFirst) { oldest } else { newest };
        let writes = if all { state.outbox } else { one };
        state.flushers[at].flush = Flush::Taken { writes };
    }

    fn write(&self, state: &mut State, writes: u8) {
        state.others |= writes & !state.own(writes);
        state.row = state.fold(state.row, writes);
        if !self.stands(FlushNeverPuts) && state.own(writes) != 0 {
            state.value = Some(state.row.writes);
        }
    }

    /// The rows are written and what was taken is removed, in one transaction.
    pub(super) fn flush(&self, state: &mut State, at: usize) {
        let Flush::Taken { writes } = state.flushers[at].flush else { return };
        self.write(state, writes);
        state.flushers[at].flush = Flush::Applied { writes };
        if self.stands(RemovedWithRows) {
            Self::clear(state, at);
        }
    }

    /// By the last number: that is what the database is told.
    pub(super) fn clear(state: &mut State, at: usize) {
        let Flush::Applied { writes } = state.flushers[at].flush else { return };
        state.outbox &= !up_to(writes);
        state.flushers[at].flush = Flush::Idle;
    }

    /// The database refuses the row: all of its writes are to be parked.
    pub(super) fn refuse(&self, state: &mut State, at: usize) {
        let Flush::Taken { writes } = state.flushers[at].flush else { return };
        let parks = if self.stands(ParkAllOfRow) { state.outbox } else { writes };
        state.refused = true;
        state.flushers[at].flush = Flush::Parking { writes, parks: state.own(parks) };
    }

    pub(super) fn fence_parked(&self, state: &mut State, at: usize) {
        let Flush::Parking { writes, parks } = state.flushers[at].flush else { return };
        state.flushers[at].fence = self.fence(state);
        state.flushers[at].flush = Flush::Fenced { writes, parks };
    }

    pub(super) fn park(&self, state: &mut State, at: usize) {
        let (Flush::Parking { writes, parks } | Flush::Fenced { writes, parks }) =
            state.flushers[at].flush
        else {
            return;
        };
        state.parked |= parks;
        state.outbox &= !parks;
        self.write(state, writes & !parks);
        state.outbox &= !up_to(writes);
        state.told = !state.courtesy;
        state.flushers[at].flush = Flush::Parked;
    }

    pub(super) fn lift_parked(&self, state: &mut State, at: usize) {
        if self.stands(ParkedRemoved) {
            self.remove(state);
        }
        state.told = true;
        state.flushers[at] = Flusher::IDLE;
    }

    /// An operator decides on what is parked.
    pub(super) fn decide(state: &mut State, fate: Fate) {
        let gone = match fate {
            Fate::Retry => 0,
            Fate::Skip => first(state.parked),
            Fate::Discard => state.parked,
        };
        state.discarded |= gone;
        state.outbox |= state.parked & !gone;
        (state.parked, state.told, state.decided) = (0, false, true);
    }

    /// The row and what is pending for it, in one snapshot.
    pub(super) fn read(&self, state: &mut State) {
        let floor = state.own(state.acknowledged & !state.discarded);
        state.reader = Reader::Half { row: state.row, floor };
        if self.stands(OneSnapshot) {
            self.read_pending(state);
        }
    }

    pub(super) fn read_pending(&self, state: &mut State) {
        let Reader::Half { row, floor } = state.reader else { return };
        let parked = state.parked != 0;
        if parked && self.stands(ParkedTold) {
            state.reader = Reader::Idle;
            return;
        }
        let found = state.fold(row, state.outbox | state.parked);
        state.misread |= parked || !found.sound || floor & !found.writes != 0;
        state.reader = Reader::Read { writes: found.writes };
    }
}

//! What the store does at one moment, whatever goes on around it.

use super::world::{Defence, World};
use super::writer::{Early, Fence, Phase, Writer};
use super::{Fenced, State};
use crate::flight::Flight;
use Defence::*;

impl State {
    /// Whether any fence is there, tainted or not.
    pub(super) fn fenced(&self) -> bool {
        self.writers.iter().any(|writer| writer.own.stands() || writer.early.stands())
    }

    /// Whether this flight may begin. They are all alike; its number is its token, which must be
    /// nowhere else.
    pub(super) fn may_take_off(&self, at: usize) -> bool {
        self.flights[at] == Flight::Grounded && self.lease != Some(at as u8)
    }

    /// Whether several fences are there, and not all are tainted.
    pub(super) fn meet_untainted(&self) -> bool {
        let (mut fences, mut tainted) = (0, 0);
        for Writer { own, early, .. } in &self.writers {
            fences += u8::from(own.stands()) + u8::from(early.stands());
            tainted += u8::from(*own == Fence::Tainted) + u8::from(*early == Early::Tainted);
        }
        fences > 1 && tainted < fences
    }

    fn taint_all(&mut self) {
        for writer in &mut self.writers {
            writer.own = writer.own.tainted();
            writer.early = writer.early.tainted();
        }
    }
}

impl<W: World> Fenced<W> {
    /// The script FENCE. `late` is an attempt that was not answered in time.
    pub(super) fn fence(&self, state: &mut State, at: usize, late: bool) {
        if self.stands(FenceRemovesValue) {
            state.value = None;
        }
        if self.stands(FenceRemovesLease) {
            state.lease = None;
        }
        if late {
            state.writers[at].early = Early::None;
        }
        let fresh = self.stands(FreshFence);
        if !fresh && state.writers[at].own.stands() {
            return;
        }
        let overlap = state.fenced();
        if late && fresh {
            state.writers[at].early = Early::Stands;
        } else {
            state.writers[at].own = Fence::Stands;
        }
        if overlap && self.stands(TaintOverlap) {
            state.taint_all();
        }
    }

    /// What everything does that removes a value, so that no older fill or put can follow it.
    pub(super) fn remove(&self, state: &mut State) {
        state.value = None;
        if self.stands(InvalidateLease) {
            state.lease = None;
        }
        if self.stands(TaintRemoval) {
            state.taint_all();
        }
    }

    /// The script RELEASE.
    pub(super) fn release(&self, state: &mut State, at: usize) {
        let writer = state.writers[at];
        let committed = match writer.phase {
            Phase::Committed => true,
            Phase::Ended => !self.stands(UnknownNeverPuts),
            Phase::RolledBack => !self.stands(PutCommitted),
            _ => false,
        };
        let own = match writer.own {
            Fence::Stands => writer.answered,
            Fence::None => writer.answered && !self.stands(OwnFence),
            Fence::Tainted => false,
        };
        let early = writer.early == Early::Stands && !self.stands(AnsweredFence);
        if committed && (own || early) {
            state.value = Some(writer.row);
        } else {
            self.remove(state);
        }
        if writer.phase == Phase::Committed && !W::STRICT {
            state.acknowledged = state.acknowledged.max(writer.row);
        }
        let writer = &mut state.writers[at];
        writer.own = Fence::None;
        // With its defence off, this COMMIT may still take effect.
        let open = writer.phase == Phase::Unsure;
        writer.leave(if open { Phase::Orphaned } else { Phase::Gone });
    }

    /// The script FILL.
    pub(super) fn fill(&self, state: &mut State, at: usize) {
        let Flight::Filling(cargo) = state.flights[at] else { return };
        let blocked = self.stands(FenceBlocksFill) && state.fenced();
        let accepted = state.lease == Some(cargo.token) && !blocked;
        if accepted {
            (state.value, state.lease) = (Some(cargo.row), None);
        }
        state.flights[at] = Flight::Filled { row: cargo.row, accepted, late: cargo.late };
    }
}

//! Values of several builds under one key, where the values are bytes. A store inside a process
//! shares the values themselves, of the one build that the process is; but it holds to the same
//! contract as one beside it, and the simulation has processes of several builds share it.

use super::Value;
use crate::ports::store::{Lease, Payload};
use crate::values::envelope::{self, Own};
use crate::values::guard::Guard;

/// What is there for the one who asks.
pub(super) fn own(there: Payload, lease: &Lease) -> Option<Payload> {
    let Payload::Bytes(bytes) = &there else { return Some(there) };
    match envelope::own(bytes, lease.fingerprint) {
        Own::Here(envelope) => Some(Payload::Bytes(bytes.slice_ref(envelope))),
        Own::Others => None,
        Own::Unknown => Some(there),
    }
}

/// What is filled, and behind it what other builds keep of what is there.
pub(super) fn beside(mut filled: Value, there: Option<Value>, forced: bool) -> Value {
    if let (Payload::Bytes(own), Some(there)) = (&filled.payload, there)
        && let Payload::Bytes(others) = &there.payload
        && let Some(all) = envelope::beside(own, others, forced)
    {
        filled.payload = Payload::Bytes(all.into());
        // Anomaly 20: every fill of one build would give the other's value a new life.
        if Guard::SharedLife.stands() {
            filled.deadline = filled.deadline.min(there.deadline);
        }
    }
    filled
}

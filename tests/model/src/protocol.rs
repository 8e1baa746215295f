//! What a model of a protocol has to say.

use std::fmt::Debug;
use std::hash::Hash;

/// A protocol at small scale: states, and steps between them.
pub trait Protocol: Send + Sync + Sized + 'static {
    /// What can be switched off.
    type Defence: Copy + Debug + PartialEq + Send + Sync + 'static;
    /// Everything that is true at one moment, in the store, in the database, in each process and
    /// under way between them.
    type State: Clone + Debug + PartialEq + Hash + Send + Sync + 'static;
    /// Something that happens at one moment.
    type Step: Copy + Debug + PartialEq + Send + Sync + 'static;

    /// How it is called in the report.
    const NAME: &'static str;
    /// The defences, each of which it cannot do without.
    const DEFENCES: &'static [Switch<Self::Defence>];
    /// Defences behind others that suffice: it holds without any one of them.
    const SPARE: &'static [Switch<Self::Defence>] = &[];
    /// Fewer states than this are not the model that was meant.
    const LEAST_STATES: usize;

    /// What has to come about in a model that says anything.
    fn events() -> Vec<Event<Self>>;

    /// The protocol with these defences.
    fn new(defences: Defences<Self::Defence>) -> Self;

    /// Where it can begin: a state for each choice of bounds. From the first of these alone it is
    /// shown what the protocol can spare, which takes as many states as the protocol itself.
    fn start(&self) -> Vec<Self::State>;

    /// What can happen next.
    fn steps(&self, state: &Self::State, steps: &mut Vec<Self::Step>);

    /// What is true after it has happened.
    fn apply(&self, state: &Self::State, step: Self::Step) -> Self::State;

    /// The promise that is broken in this state.
    fn broken(&self, state: &Self::State) -> Option<&'static str>;
}

/// A defence by its name, and the anomalies that it stops, by their numbers in
/// `docs/MODELS.md`.
#[derive(Debug)]
pub struct Switch<D> {
    /// Which.
    pub defence: D,
    /// Its name in the report.
    pub name: &'static str,
    /// What it stops.
    pub anomalies: &'static [u8],
}

/// Writes a [`Switch`].
pub const fn switch<D>(defence: D, name: &'static str, anomalies: &'static [u8]) -> Switch<D> {
    Switch { defence, name, anomalies }
}

/// Something that some step has to bring about.
pub struct Event<P: Protocol> {
    /// Its name in the report.
    pub name: &'static str,
    /// Whether this step did, given the states before and after it.
    pub happened: fn(&P::State, P::Step, &P::State) -> bool,
}

/// Writes an [`Event`].
pub const fn event<P: Protocol>(
    name: &'static str,
    happened: fn(&P::State, P::Step, &P::State) -> bool,
) -> Event<P> {
    Event { name, happened }
}

/// All defences but at most one.
#[derive(Debug, Clone, Copy)]
pub struct Defences<D> {
    off: Option<D>,
}

impl<D: Copy + PartialEq> Defences<D> {
    /// All of them.
    pub const ALL: Self = Self { off: None };

    /// All but one.
    pub fn without(defence: D) -> Self {
        Self { off: Some(defence) }
    }

    /// Whether all are on.
    pub fn all_stand(self) -> bool {
        self.off.is_none()
    }

    /// Whether this one is on.
    pub fn stands(self, defence: D) -> bool {
        self.off != Some(defence)
    }
}

//! Where domain events come from: what other programs tell of their changes.

use std::time::Duration;

use super::BoxFuture;
use crate::values::error::Result;

/// What somebody has told of a change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DomainEvent {
    /// What the source calls this delivery. Names it to [`EventSource::acknowledge`].
    pub position: String,
    /// What kind of event it is; empty where it does not say.
    pub kind: String,
    /// The key of the row that it is about: in JSON, an array of the key's columns or the one
    /// column alone; or the plain text of a text key. Without one it is about the whole table.
    pub key: Option<String>,
    /// The name that its sender has given it.
    pub id: Option<String>,
    /// The version of the row that it tells of, as its sender counts.
    pub version: Option<String>,
    /// Everything else that it says, by name.
    pub fields: Vec<(String, String)>,
    /// How long it has waited in the source, by the source's own clock.
    pub age: Duration,
}

impl DomainEvent {
    /// What it says under this name.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

/// Whether a source can lose an event that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Gaps {
    /// It cannot: an event is there until it is acknowledged.
    Never,
    /// It can, and says so with the next [`Batch`].
    Told,
    /// It can, without a trace. Only the ttl or the reconciler covers that.
    Silent,
}

/// What a source promises. Every source delivers at least once; all else it says here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Guarantee {
    /// Whether events can be lost.
    pub gaps: Gaps,
    /// Whether events come in the order in which they were sent, where one process consumes.
    /// Nothing depends on it.
    pub ordered: bool,
    /// How far an event may run ahead of the commit, or of the replica's catching up, that makes
    /// what it tells of visible on the primary. Zero where it commits with it.
    pub ahead: Duration,
    /// After how long an event that was read and not acknowledged is given to another process.
    pub redelivers: Duration,
}

impl Guarantee {
    /// What a source promises.
    pub fn new(gaps: Gaps, ordered: bool, ahead: Duration, redelivers: Duration) -> Self {
        Self { gaps, ordered, ahead, redelivers }
    }
}

/// What was read at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// The events, each of which is to be acknowledged or kept.
    pub events: Vec<DomainEvent>,
    /// Why events before these may have been lost, if they may.
    pub gap: Option<String>,
}

/// Why an event was set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// No model takes events of its kind.
    Unknown,
    /// It is of a kind that a model takes, but says nothing that the model understands.
    Poison,
}

/// An event that is not to be delivered again, and not to be lost either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// The event.
    pub event: DomainEvent,
    /// Why it was set aside.
    pub why: Why,
    /// What was wrong, in words.
    pub error: String,
}

/// A source of domain events, shared by all processes that consume from it under one name.
///
/// Contract:
/// - At least once: an event that was read and neither acknowledged nor kept is read again, by this
///   process or another, after [`Guarantee::redelivers`]. Until then nobody else reads it.
/// - A gap is told by every `read` until [`close_gap`](Self::close_gap) has returned, in this
///   process or another: one that dies in between has not hidden it.
/// - What `keep` is given can be looked at afterwards, with the error, and is not read again.
pub trait EventSource: Send + Sync + 'static {
    /// What it is called, in contracts and logs.
    fn name(&self) -> &str;

    /// What it promises.
    fn guarantee(&self) -> Guarantee;

    /// Makes sure that all the rest will work, before anybody depends on it.
    fn start(&self) -> BoxFuture<'_, Result<()>>;

    /// What is there to be applied; nothing if there is nothing. Does not wait for more.
    fn read(&self) -> BoxFuture<'_, Result<Batch>>;

    /// These have been applied, by their positions.
    fn acknowledge<'a>(&'a self, positions: &'a [String]) -> BoxFuture<'a, Result<()>>;

    /// Keeps these where an operator finds them, and acknowledges them.
    fn keep<'a>(&'a self, events: &'a [SetAside]) -> BoxFuture<'a, Result<()>>;

    /// All that the lost events may have been about is void.
    fn close_gap(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) })
    }

    /// This process reads no more.
    fn leave(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) })
    }
}

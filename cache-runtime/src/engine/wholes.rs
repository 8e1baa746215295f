//! Wholes: the entries of aggregates, each a root with all of its members. Such an entry is named
//! by the root's key, and stands beside the root's row on its own lease and fence.
//!
//! A write of a member touches the whole of the root that its row names, before the write and
//! after it. The row alone knows: its key does not tell the root.

use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use serde::de::SeqAccess;
use serde::ser::SerializeTuple;

use super::comparison;
use super::debt::Touch;
use super::entry::{Cacheable, Entry};
use super::flight::Flights;
use super::flight::Landing;
use super::keeper::{Keeper, TRIES, torn_down};
use super::loader::{Entries, Loader, Source};
use super::sampler::Known;
use super::session::Session;
use crate::ports::aggregate::{Aggregate, Members, MembersIn, Reads, Role, Whole};
use crate::ports::database::Database;
use crate::ports::embed::fingerprint_with;
use crate::ports::load::Load;
use crate::ports::model::{FromRow, Statements};
use crate::values::envelope::Kind;
use crate::values::error::Result;
use crate::values::guard::Guard;
use crate::values::key::{AsKey, KeyParts, KeyWriter};

/// The wholes of a model's rows.
pub(crate) struct Wholes<M, D> {
    database: D,
    model: PhantomData<fn() -> M>,
}

impl<M: Aggregate, D: Database> Entries for Wholes<M, D> {
    type Id = M::Key;
    type Value = Whole<M>;
    type Answer = Option<Arc<Whole<M>>>;
}

impl<M, D> Source for Wholes<M, D>
where
    M: Statements<D::Backend> + Aggregate<Members: MembersIn<M, D::Backend>>,
    D: Database,
{
    async fn load(&self, ids: Vec<M::Key>) -> Result<Vec<Self::Answer>> {
        let mut answers = Vec::with_capacity(ids.len());
        for id in ids {
            answers.push(read(&mut &self.database, id).await?.map(Arc::new));
        }
        Ok(answers)
    }

    fn answer(&self, entry: Entry<Whole<M>>) -> Self::Answer {
        match entry {
            Entry::Present(whole) => Some(whole),
            Entry::Absent => None,
        }
    }

    fn entry(&self, id: &M::Key, answer: &Self::Answer) -> Option<Entry<Whole<M>>> {
        match answer {
            // What the database finds by another spelling of the key would lead no write to
            // this whole.
            Some(whole) if !is_of(whole, id) && Guard::OwnKey.stands() => None,
            Some(whole) => Some(Entry::Present(whole.clone())),
            None => Some(Entry::Absent),
        }
    }
}

/// Reads a root and its members.
pub(crate) async fn read<M, R>(from: &mut R, key: M::Key) -> Result<Option<Whole<M>>>
where
    R: Reads,
    M: Statements<R::Backend> + Aggregate<Members: MembersIn<M, R::Backend>>,
{
    // Anomaly 27: read the other way, members from before a write could stand under its root.
    if !Guard::RootFirst.stands() {
        let members = M::Members::load(from, &key).await?;
        let root = from.load(Load::<_, M>::select(M::is(key))).await?.pop();
        return Ok(root.map(|root| Whole::new(root, members)));
    }
    let Some(root) = from.load(Load::<_, M>::select(M::is(key))).await?.pop() else {
        return Ok(None);
    };
    let members = M::Members::load(from, &root.key()).await?;
    Ok(Some(Whole::new(root, members)))
}

/// Whether the root and its members all spell the key in this way.
fn is_of<M: Aggregate>(whole: &Whole<M>, key: &M::Key) -> bool {
    let written = |key: &dyn KeyParts| {
        let mut written = KeyWriter::default();
        key.write_parts(&mut written);
        written
    };
    let own = written(key);
    let mut same = whole.root().key() == *key;
    whole.each_root(&mut |root| same &= written(root).as_bytes() == own.as_bytes());
    same
}

impl<M: Aggregate> Cacheable for Whole<M> {
    const KIND: Kind = Kind::Whole;
    const FINGERPRINT: u64 =
        fingerprint_with(M::DESCRIPTOR.fingerprint, <M::Members as Members>::FINGERPRINTS);
    const FIELDS: usize = 1 + <M::Members as Members>::FINGERPRINTS.len();

    fn expires_at(&self) -> Option<SystemTime> {
        Whole::expires_at(self)
    }

    fn write<S: SerializeTuple>(&self, out: &mut S) -> Result<(), S::Error> {
        Whole::write(self, out)
    }

    fn read<'de, A: SeqAccess<'de>>(input: &mut A) -> Result<Self, A::Error> {
        Whole::read(input)
    }
}

impl<D: Database> Reads for Session<D> {
    type Backend = D::Backend;

    fn load<U: FromRow<D::Backend>>(
        &mut self,
        load: Load<D::Backend, U>,
    ) -> impl Future<Output = Result<Vec<U>>> + Send {
        Session::load(self, load)
    }
}

/// The wholes of a root, to those who write its members.
pub(crate) trait Root: Send + Sync {
    /// What a write of a member does to the whole of the root with this key; nothing if that is
    /// NULL.
    fn whole(&self, key: &dyn KeyParts) -> Option<Touch>;

    /// What a write of all members does.
    fn all(&self) -> Result<Touch>;
}

/// Where a member finds its root's wholes: set once, when all models are put together.
pub(crate) type RootOf = Arc<OnceLock<Arc<dyn Root>>>;

impl<M: Statements<D::Backend>, D: Database> Root for Keeper<M, D> {
    fn whole(&self, key: &dyn KeyParts) -> Option<Touch> {
        let entry = self.tier.whole_key(key)?;
        Some(self.remove(entry))
    }

    fn all(&self) -> Result<Touch> {
        self.table_removal()
    }
}

impl<M: Statements<D::Backend>, D: Database> Keeper<M, D> {
    /// The row with this key and all of its members.
    pub(crate) async fn find_whole(&self, key: impl AsKey<M::Key>) -> Result<Option<Arc<Whole<M>>>>
    where
        M: Aggregate<Members: MembersIn<M, D::Backend>>,
    {
        let Some(entry) = self.tier.whole_key(&key) else { return Ok(None) };
        if self.must_bypass(&entry) {
            return Ok(read(&mut &self.database, key.to_key()).await?.map(Arc::new));
        }
        // What others may change unseen cannot be told apart within a whole.
        if !M::DESCRIPTOR.volatile && !M::Members::VOLATILE {
            self.sampler.note(|| Known::Whole(key.to_key(), comparison::whole::<M, D>));
        }
        let wholes = self.wholes();
        if let Some(found) = self.cached::<Whole<M>>(&entry).await {
            return Ok(wholes.source.answer(found));
        }
        for _ in 0..TRIES {
            if let Some(Landing::Answer(answer)) =
                wholes.fetch(vec![(key.to_key(), entry.clone())]).await?.pop()
            {
                return answer;
            }
        }
        Err(torn_down())
    }

    /// What loads the wholes: made when the first is asked for, as only a root has them.
    pub(super) fn wholes(&self) -> Arc<Loader<Wholes<M, D>>>
    where
        M: Aggregate<Members: MembersIn<M, D::Backend>>,
    {
        let any = self.wholes.get_or_init(|| {
            Arc::new(Loader {
                source: Wholes::<M, D> { database: self.database.clone(), model: PhantomData },
                tier: self.tier.clone(),
                flights: Flights::new(),
                clock: self.rows.clock.clone(),
                tokens: self.tokens.clone(),
                policy: M::DESCRIPTOR.policy,
                lease: self.rows.lease,
                in_flight: self.rows.in_flight.clone(),
            })
        });
        let loader = any.clone().downcast();
        loader.unwrap_or_else(|_| unreachable!("made above, and nowhere else"))
    }

    /// What a write does to the wholes that its rows are parts of, as they were before it and are
    /// after it: those of the roots among them, and those that the members among them name.
    pub(crate) fn wholes_touched(&self, before: &[Arc<M>], after: &[Arc<M>]) -> Vec<Touch> {
        let mut touches = Vec::new();
        if matches!(M::DESCRIPTOR.role, Role::Alone) || !Guard::TouchWhole.stands() {
            return touches;
        }
        for row in before.iter().chain(after) {
            touches.extend(self.own_whole(&row.key()));
            if let Some(root) = self.root.get() {
                row.each_root(&mut |key| touches.extend(root.whole(key)));
            }
        }
        touches
    }

    /// What becomes of all that is named by a row's key: the row, and the whole that it is the
    /// root of.
    pub(crate) fn by_key(&self, key: &M::Key) -> impl Iterator<Item = Touch> + use<M, D> {
        std::iter::once(self.removal(key)).chain(self.own_whole(key))
    }

    pub(super) fn own_whole(&self, key: &M::Key) -> Option<Touch> {
        let is_root = matches!(M::DESCRIPTOR.role, Role::Root { .. });
        self.whole(key).filter(|_| is_root && Guard::TouchWhole.stands())
    }

    /// The wholes that rows with these keys are members of, as they are now.
    pub(crate) async fn wholes_around(&self, keys: Vec<M::Key>) -> Vec<Touch> {
        if self.root.get().is_none() {
            return Vec::new();
        }
        match self.rows.source.load(keys).await {
            Ok(rows) => {
                let rows: Vec<Arc<M>> = rows.into_iter().flatten().collect();
                self.wholes_touched(&rows, &[])
            }
            Err(error) => {
                tracing::error!(
                    %error,
                    model = M::DESCRIPTOR.model,
                    "the roots of members that were changed past the repository could not be \
                     looked for; the ttl covers their aggregates"
                );
                Vec::new()
            }
        }
    }
}

//! Typed entries, and how they become payloads.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde::de::{DeserializeSeed, Error as _, SeqAccess, Visitor};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ports::clock::Clock;
use crate::ports::codec::Codec;
use crate::ports::model::{BoxError, Model};
use crate::ports::store::{Form, Payload};
use crate::values::envelope::{self, Header, Kind, Own, Unreadable};
use crate::values::policy::Policy;
use crate::values::token::Token;

/// What the cache says of a key.
pub(crate) enum Entry<V> {
    /// There is a value.
    Present(Arc<V>),
    /// The database had none.
    Absent,
}

impl<V: Cacheable> Entry<V> {
    /// The version of the row, if there is one.
    pub(crate) fn version(&self) -> Option<i64> {
        match self {
            Self::Present(value) => value.version(),
            Self::Absent => None,
        }
    }

    /// How long it may be kept: as the policy says, but not after the row itself expires. `None`
    /// if it is not to be kept.
    pub(crate) fn life(&self, policy: Policy, token: Token, clock: &dyn Clock) -> Option<Duration> {
        let Self::Present(value) = self else { return policy.life(false, token) };
        let life = policy.life(true, token)?;
        match value.expires_at() {
            None => Some(life),
            Some(at) => {
                let left = at.duration_since(clock.wall()).ok()?;
                Some(life.min(left)).filter(|life| life.as_millis() > 0)
            }
        }
    }
}

impl<V> Clone for Entry<V> {
    fn clone(&self) -> Self {
        match self {
            Self::Present(value) => Self::Present(value.clone()),
            Self::Absent => Self::Absent,
        }
    }
}

/// Stands for [`Entry::Absent`] in a store inside the process.
struct Absent;

/// Where a unique value leads: the primary key of its row.
pub(crate) struct Target<M: Model>(pub(crate) M::Key);

/// Which rows a list has: their primary keys, in its order.
pub(crate) struct Ids<M: Model>(pub(crate) Vec<M::Key>);

/// What can be the value of an entry. Its fields go through the codec one by
/// one, as a tuple; the model's own serde, if it has one, is never used.
pub(crate) trait Cacheable: Sized + Send + Sync + 'static {
    const KIND: Kind;
    const FINGERPRINT: u64;
    const FIELDS: usize;

    /// The row's version, where the model declares one.
    fn version(&self) -> Option<i64> {
        None
    }

    /// When the row expires, where the model declares it.
    fn expires_at(&self) -> Option<SystemTime> {
        None
    }

    /// Whether the two differ at most in what others may change unseen.
    fn same_but_volatile(&self, _other: &Self) -> bool {
        false
    }

    fn write<S: SerializeTuple>(&self, out: &mut S) -> Result<(), S::Error>;
    fn read<'de, A: SeqAccess<'de>>(input: &mut A) -> Result<Self, A::Error>;
}

impl<M: Model> Cacheable for M {
    const KIND: Kind = Kind::Row;
    const FINGERPRINT: u64 = M::DESCRIPTOR.fingerprint;
    const FIELDS: usize = M::DESCRIPTOR.columns.len();

    fn version(&self) -> Option<i64> {
        Model::version(self)
    }

    fn expires_at(&self) -> Option<SystemTime> {
        Model::expires_at(self)
    }

    fn same_but_volatile(&self, other: &Self) -> bool {
        Model::same_but_volatile(self, other)
    }

    fn write<S: SerializeTuple>(&self, out: &mut S) -> Result<(), S::Error> {
        self.encode_fields(out)
    }

    fn read<'de, A: SeqAccess<'de>>(input: &mut A) -> Result<Self, A::Error> {
        M::decode_fields(input)
    }
}

impl<M: Model> Cacheable for Target<M> {
    const KIND: Kind = Kind::Lookup;
    const FINGERPRINT: u64 = M::DESCRIPTOR.fingerprint;
    const FIELDS: usize = M::DESCRIPTOR.key.len();

    fn write<S: SerializeTuple>(&self, out: &mut S) -> Result<(), S::Error> {
        M::encode_key(&self.0, out)
    }

    fn read<'de, A: SeqAccess<'de>>(input: &mut A) -> Result<Self, A::Error> {
        M::decode_key(input).map(Self)
    }
}

impl<M: Model> Cacheable for Ids<M> {
    const KIND: Kind = Kind::List;
    const FINGERPRINT: u64 = M::DESCRIPTOR.lists_fingerprint;
    const FIELDS: usize = 1;

    fn write<S: SerializeTuple>(&self, out: &mut S) -> Result<(), S::Error> {
        out.serialize_element(self)
    }

    fn read<'de, A: SeqAccess<'de>>(input: &mut A) -> Result<Self, A::Error> {
        input.next_element()?.ok_or_else(|| A::Error::invalid_length(0, &"the keys of a list"))
    }
}

/// A sequence, as its length differs from list to list.
impl<M: Model> Serialize for Ids<M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(KeyOf::<M>))
    }
}

struct KeyOf<'a, M: Model>(&'a M::Key);

impl<M: Model> Serialize for KeyOf<'_, M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(Target::<M>::FIELDS)?;
        M::encode_key(self.0, &mut tuple)?;
        tuple.end()
    }
}

impl<'de, M: Model> Deserialize<'de> for Ids<M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(IdsVisitor(PhantomData))
    }
}

struct IdsVisitor<M>(PhantomData<M>);

impl<'de, M: Model> Visitor<'de> for IdsVisitor<M> {
    type Value = Ids<M>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the keys of a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut input: A) -> Result<Ids<M>, A::Error> {
        let mut keys = Vec::new();
        while let Some(target) = input.next_element_seed(TupleSeed::<Target<M>>(PhantomData))? {
            keys.push(target.0);
        }
        Ok(Ids(keys))
    }
}

/// The codecs of a cache: one writes, all of them read, so that a change of
/// codec needs no flush.
pub(crate) struct Codecs {
    writer: Arc<dyn Codec>,
    readers: Vec<Arc<dyn Codec>>,
    limit: usize,
}

impl Codecs {
    /// `limit` is the largest body, in bytes.
    pub(crate) fn new(writer: Arc<dyn Codec>, others: Vec<Arc<dyn Codec>>, limit: usize) -> Self {
        let mut readers = vec![writer.clone()];
        readers.extend(others);
        Self { writer, readers, limit }
    }

    /// The entry as the store wants it.
    pub(crate) fn pack<V: Cacheable>(
        &self,
        entry: &Entry<V>,
        form: Form,
        leased_at: u64,
    ) -> Result<Payload, BoxError> {
        match (form, entry) {
            (Form::Bytes, _) => Ok(Payload::Bytes(self.encode(entry, leased_at)?)),
            (_, Entry::Present(value)) => Ok(Payload::Shared(value.clone())),
            (_, Entry::Absent) => Ok(Payload::Shared(Arc::new(Absent))),
        }
    }

    /// The entry in a payload, if it is one of this kind and shape.
    pub(crate) fn unpack<V: Cacheable>(&self, payload: Payload) -> Result<Entry<V>, Unreadable> {
        match payload {
            Payload::Bytes(bytes) => self.decode(&bytes),
            Payload::Shared(shared) => match Arc::downcast::<V>(shared) {
                Ok(value) => Ok(Entry::Present(value)),
                Err(other) if (*other).is::<Absent>() => Ok(Entry::Absent),
                Err(_) => Err(Unreadable::Kind),
            },
        }
    }

    /// Whether two entries say the same, as far as their encodings tell; yes if one has none.
    pub(crate) fn alike<V: Cacheable>(&self, one: &Entry<V>, other: &Entry<V>) -> bool {
        let (Entry::Present(one), Entry::Present(other)) = (one, other) else {
            return matches!((one, other), (Entry::Absent, Entry::Absent));
        };
        let encoded = |value: &V| {
            let mut bytes = Vec::new();
            self.writer.encode(&Tuple(value), &mut bytes).map(|()| bytes)
        };
        one.same_but_volatile(other)
            || match (encoded(one), encoded(other)) {
                (Ok(one), Ok(other)) => one == other,
                _ => true,
            }
    }

    fn encode<V: Cacheable>(&self, entry: &Entry<V>, leased_at: u64) -> Result<Bytes, BoxError> {
        let mut bytes = envelope::open(Header {
            codec: self.writer.id(),
            kind: V::KIND,
            present: matches!(entry, Entry::Present(_)),
            fingerprint: V::FINGERPRINT,
            version: entry.version().unwrap_or(0),
            leased_at,
        });
        if let Entry::Present(value) = entry {
            self.writer.encode(&Tuple(&**value), &mut bytes)?;
        }
        Ok(envelope::close(bytes, self.limit).map_err(|reason| reason.to_string())?.into())
    }

    fn decode<V: Cacheable>(&self, bytes: &[u8]) -> Result<Entry<V>, Unreadable> {
        let bytes = match envelope::own(bytes, V::FINGERPRINT) {
            Own::Here(envelope) => envelope,
            Own::Others => return Err(Unreadable::Fingerprint),
            Own::Unknown => bytes,
        };
        let (header, body) = envelope::read(bytes, V::KIND, V::FINGERPRINT, self.limit)?;
        if !header.present {
            return if body.is_empty() { Ok(Entry::Absent) } else { Err(Unreadable::Body) };
        }
        let codec = self
            .readers
            .iter()
            .find(|codec| codec.id() == header.codec)
            .ok_or(Unreadable::Codec)?;
        let mut value = None;
        codec
            .decode(body, &mut |deserializer| {
                value = Some(TupleSeed::<V>(PhantomData).deserialize(deserializer)?);
                Ok(())
            })
            .map_err(|_| Unreadable::Body)?;
        value.map(|value| Entry::Present(Arc::new(value))).ok_or(Unreadable::Body)
    }
}

/// A value as serde sees it: a tuple of its fields.
struct Tuple<'a, V>(&'a V);

impl<V: Cacheable> Serialize for Tuple<'_, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(V::FIELDS)?;
        self.0.write(&mut tuple)?;
        tuple.end()
    }
}

struct TupleSeed<V>(PhantomData<V>);

impl<'de, V: Cacheable> DeserializeSeed<'de> for TupleSeed<V> {
    type Value = V;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V, D::Error> {
        deserializer.deserialize_tuple(V::FIELDS, self)
    }
}

impl<'de, V: Cacheable> Visitor<'de> for TupleSeed<V> {
    type Value = V;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} fields", V::FIELDS)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut input: A) -> Result<V, A::Error> {
        V::read(&mut input)
    }
}

//! Aggregates: the rows of a root with those of its members, as both models declare them.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::time::SystemTime;

use serde::de::{SeqAccess, Visitor};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::condition::Condition;
use super::database::{Database, Dialect};
use super::load::Load;
use super::model::{FromRow, Model, Statements};
use crate::values::error::Result;
use crate::values::key::{AsKey, KeyParts};
use crate::values::policy::Policy;

/// What a model is in an aggregate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It is in none.
    Alone,
    /// The root.
    Root {
        /// Who answers for the aggregate.
        owner: &'static str,
        /// The members' names.
        members: &'static [&'static str],
    },
    /// A member.
    Member {
        /// The root's name.
        root: &'static str,
        /// Who answers for the aggregate.
        owner: &'static str,
    },
}

impl Role {
    /// Who answers for the aggregate that the model is in, if it is in one.
    pub const fn owner(self) -> Option<&'static str> {
        match self {
            Self::Alone => None,
            Self::Root { owner, .. } | Self::Member { owner, .. } => Some(owner),
        }
    }
}

/// The root of an aggregate. Implemented by `#[derive(Cached)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the root of an aggregate",
    note = "name its members on it: `#[cached(aggregate(owner = \"team\", members(Member, ..)))]`, and on each of them `member_of = {Self}, by = column`"
)]
pub trait Aggregate: Model {
    /// The models of its members, as a tuple.
    type Members: Members;
}

/// A root among whose members are rows of `A`.
#[diagnostic::on_unimplemented(
    message = "`{A}` is not a member of `{Self}`",
    note = "name it on the root, `#[cached(aggregate(owner = \"team\", members({A}, ..)))]` on `{Self}`, and the root on the member: `#[cached(member_of = {Self}, by = column)]` on `{A}`"
)]
pub trait Holds<A: Model>: Aggregate {
    /// Those rows.
    fn rows(members: &<Self::Members as Members>::Rows) -> &[A];
}

/// A model whose rows are members of a row of `R`.
#[diagnostic::on_unimplemented(
    message = "`{R}` names `{Self}` as a member, which does not say how it finds its root",
    note = "say so on the member: `#[cached(member_of = {R}, by = column)]`, the column that holds the key of `{R}`"
)]
pub trait MemberOf<R: Model>: Model {
    /// The columns by which a root's members are sorted: those of their key.
    const ORDER: &'static [(&'static str, bool)];
}

/// The statements of a member on one backend.
pub trait MemberRows<R: Model, DB: Dialect>: Statements<DB> + MemberOf<R> {
    /// Holds for the members of this root.
    fn of(root: R::Key) -> Condition<DB>;
}

/// The models of a root's members: a tuple of them, of up to eight.
pub trait Members: Sized + 'static {
    /// The members of one root: a tuple of their rows, each kind in the order of its key.
    type Rows: Send + Sync + 'static;

    /// The fingerprint of each model.
    const FINGERPRINTS: &'static [u64];

    /// Whether any of them has columns that others change.
    const VOLATILE: bool;

    /// Writes the rows, as many elements as there are models.
    fn write<S: SerializeTuple>(rows: &Self::Rows, out: &mut S) -> Result<(), S::Error>;

    /// Reads what `write` wrote.
    fn read<'de, A: SeqAccess<'de>>(input: &mut A) -> Result<Self::Rows, A::Error>;

    /// When the first of the rows expires, if one does.
    fn expires_at(rows: &Self::Rows) -> Option<SystemTime>;

    /// Calls `visit` with the key of the root as each row has it.
    fn each_root(rows: &Self::Rows, visit: &mut dyn FnMut(&dyn KeyParts));
}

/// The statements of a root's members on one backend.
pub trait MembersIn<R: Model, DB: Dialect>: Members {
    /// Reads all members of one root, one statement a model.
    fn load(
        from: &mut impl Reads<Backend = DB>,
        root: &R::Key,
    ) -> impl Future<Output = Result<Self::Rows>> + Send;
}

/// Where rows are read from: the database, or a transaction.
pub trait Reads: Send {
    /// The Diesel backend.
    type Backend: Dialect;

    /// Runs one statement.
    fn load<U: FromRow<Self::Backend>>(
        &mut self,
        load: Load<Self::Backend, U>,
    ) -> impl Future<Output = Result<Vec<U>>> + Send;
}

impl<D: Database> Reads for &D {
    type Backend = D::Backend;

    fn load<U: FromRow<D::Backend>>(
        &mut self,
        load: Load<D::Backend, U>,
    ) -> impl Future<Output = Result<Vec<U>>> + Send {
        Database::load(*self, load)
    }
}

/// A root with all of its members, as [`find_aggregate`] gives it.
///
/// The members were read after the root, so none of them is older than it.
///
/// [`find_aggregate`]: crate::Repository::find_aggregate
pub struct Whole<R: Aggregate> {
    root: R,
    members: <R::Members as Members>::Rows,
}

impl<R: Aggregate> Whole<R> {
    pub(crate) fn new(root: R, members: <R::Members as Members>::Rows) -> Self {
        Self { root, members }
    }

    /// The root.
    pub fn root(&self) -> &R {
        &self.root
    }

    /// The members of one model, in the order of their key: `whole.members::<OrderLine>()`.
    pub fn members<A: Model>(&self) -> &[A]
    where
        R: Holds<A>,
    {
        R::rows(&self.members)
    }

    pub(crate) fn write<S: SerializeTuple>(&self, out: &mut S) -> Result<(), S::Error> {
        out.serialize_element(&Row(&self.root))?;
        R::Members::write(&self.members, out)
    }

    pub(crate) fn read<'de, A: SeqAccess<'de>>(input: &mut A) -> Result<Self, A::Error> {
        let Own(root) = next(input)?;
        Ok(Self { root, members: R::Members::read(input)? })
    }

    /// When the first of its rows expires, if one does.
    pub(crate) fn expires_at(&self) -> Option<SystemTime> {
        earliest([self.root.expires_at(), R::Members::expires_at(&self.members)])
    }

    /// Calls `visit` with the root's key as each member has it.
    pub(crate) fn each_root(&self, visit: &mut dyn FnMut(&dyn KeyParts)) {
        R::Members::each_root(&self.members, visit);
    }
}

macro_rules! members {
    ($(($model:ident $index:tt))+) => {
        impl<$($model: Model),+> Members for ($($model,)+) {
            type Rows = ($(Vec<$model>,)+);

            const FINGERPRINTS: &'static [u64] = &[$($model::DESCRIPTOR.fingerprint),+];

            const VOLATILE: bool = $($model::DESCRIPTOR.volatile)||+;

            fn write<S: SerializeTuple>(rows: &Self::Rows, out: &mut S) -> Result<(), S::Error> {
                $(out.serialize_element(&Rows(&rows.$index))?;)+
                Ok(())
            }

            fn read<'de, A: SeqAccess<'de>>(input: &mut A) -> Result<Self::Rows, A::Error> {
                Ok(($(next::<Own<Vec<$model>>, A>(input)?.0,)+))
            }

            fn expires_at(rows: &Self::Rows) -> Option<SystemTime> {
                earliest([$(earliest(rows.$index.iter().map(Model::expires_at))),+])
            }

            fn each_root(rows: &Self::Rows, visit: &mut dyn FnMut(&dyn KeyParts)) {
                $(rows.$index.iter().for_each(|row| row.each_root(visit));)+
            }
        }

        impl<R, DB, $($model),+> MembersIn<R, DB> for ($($model,)+)
        where
            R: Model,
            DB: Dialect,
            $($model: MemberRows<R, DB>,)+
        {
            async fn load(
                from: &mut impl Reads<Backend = DB>,
                root: &R::Key,
            ) -> Result<Self::Rows> {
                Ok(($(
                    from.load(Load::select($model::of(root.clone())).sorted($model::ORDER)).await?,
                )+))
            }
        }
    };
}

members! { (M0 0) }
members! { (M0 0) (M1 1) }
members! { (M0 0) (M1 1) (M2 2) }
members! { (M0 0) (M1 1) (M2 2) (M3 3) }
members! { (M0 0) (M1 1) (M2 2) (M3 3) (M4 4) }
members! { (M0 0) (M1 1) (M2 2) (M3 3) (M4 4) (M5 5) }
members! { (M0 0) (M1 1) (M2 2) (M3 3) (M4 4) (M5 5) (M6 6) }
members! { (M0 0) (M1 1) (M2 2) (M3 3) (M4 4) (M5 5) (M6 6) (M7 7) }

/// What a member inherits.
pub const fn contract<R: Holds<A>, A: Model>() -> Policy {
    R::DESCRIPTOR.policy.of_members()
}

/// Who answers for the aggregate that a member is in.
pub const fn owner<R: Holds<A>, A: Model>() -> &'static str {
    match R::DESCRIPTOR.role.owner() {
        Some(owner) => owner,
        None => "",
    }
}

/// Compiles only if the member says of which root it is one.
pub const fn assert_member<A: MemberOf<R>, R: Model>() {}

/// Whether a member promises no less than its root.
pub const fn is_as_strong<A: Model, R: Model>() -> bool {
    A::DESCRIPTOR.policy.promise().is_as_strong_as(R::DESCRIPTOR.policy.promise())
}

/// Calls `visit` with the key of a root. The type is checked, so that what a member writes is what
/// the root does.
pub fn visit_root<R: Model>(key: impl AsKey<R::Key>, visit: &mut dyn FnMut(&dyn KeyParts)) {
    visit(&key);
}

fn earliest(moments: impl IntoIterator<Item = Option<SystemTime>>) -> Option<SystemTime> {
    moments.into_iter().flatten().min()
}

fn next<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(input: &mut A) -> Result<T, A::Error> {
    use serde::de::Error as _;
    input.next_element()?.ok_or_else(|| A::Error::custom("the aggregate ends early"))
}

/// A row as serde sees it: a tuple of its fields.
struct Row<'a, M>(&'a M);

impl<M: Model> Serialize for Row<'_, M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(M::DESCRIPTOR.columns.len())?;
        self.0.encode_fields(&mut tuple)?;
        tuple.end()
    }
}

/// Rows: a sequence, as its length differs from root to root.
struct Rows<'a, M>(&'a [M]);

impl<M: Model> Serialize for Rows<'_, M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Row))
    }
}

/// One row, or many, read back.
struct Own<T>(T);

impl<'de, M: Model> Deserialize<'de> for Own<M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_tuple(M::DESCRIPTOR.columns.len(), OneOf(PhantomData))
    }
}

impl<'de, M: Model> Deserialize<'de> for Own<Vec<M>> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ManyOf(PhantomData))
    }
}

struct OneOf<M>(PhantomData<M>);

impl<'de, M: Model> Visitor<'de> for OneOf<M> {
    type Value = Own<M>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a row of `{}`", M::DESCRIPTOR.model)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut input: A) -> Result<Own<M>, A::Error> {
        M::decode_fields(&mut input).map(Own)
    }
}

struct ManyOf<M>(PhantomData<M>);

impl<'de, M: Model> Visitor<'de> for ManyOf<M> {
    type Value = Own<Vec<M>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rows of `{}`", M::DESCRIPTOR.model)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut input: A) -> Result<Self::Value, A::Error> {
        let mut rows = Vec::new();
        while let Some(Own(row)) = input.next_element()? {
            rows.push(row);
        }
        Ok(Own(rows))
    }
}

//! What must compile, and without a word from the lints that users turn on.
//!
//! Clippy's part of this holds when `cargo clippy -p cache-tests --tests` runs.
//! What only public items are held to, the models of the library stand for.

#![forbid(unsafe_code)]
#![deny(
    missing_docs,
    unreachable_pub,
    unused,
    unused_qualifications,
    private_interfaces,
    private_bounds,
    clippy::all,
    clippy::pedantic
)]

/// A crate that sees cache-runtime under another name.
mod facade {
    pub(crate) use cache_runtime as caching;
}

/// A model in a module of its own, with everything that can be said.
mod public {
    use diesel::prelude::*;

    use crate::facade::caching::{CacheKey, Cached};

    diesel::table! {
        gates (airport, number) {
            airport -> Text,
            number -> SmallInt,
            alias -> Nullable<Text>,
            #[sql_name = "type"]
            kind -> Text,
        }
    }

    /// How a kind is kept.
    mod shout {
        use serde::{Deserialize, Deserializer, Serializer};

        pub(super) fn serialize<S: Serializer>(text: &str, out: S) -> Result<S::Ok, S::Error> {
            out.serialize_str(&text.to_uppercase())
        }

        pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
            String::deserialize(input)
        }
    }

    /// A gate.
    #[derive(Debug, Queryable, Cached)]
    #[diesel(table_name = gates, primary_key(airport, number))]
    #[cached(
        pattern = "cache_aside",
        ttl = "1h",
        jitter = "5%",
        negative_ttl = "1m",
        consistency = "eventual",
        on_write = "refresh",
        unique(alias),
        unique(airport, kind),
        insert(NewGate),
        changeset(GateChanges, Retyped<i32>),
        cache_version = 1,
        backends(sqlite, postgres, mysql),
        crate = crate::facade::caching,
    )]
    pub(crate) struct Gate {
        airport: String,
        number: i16,
        alias: Option<String>,
        #[diesel(column_name = kind)]
        #[cached(with = shout)]
        r#type: String,
    }

    /// A new gate.
    #[derive(Debug, Insertable)]
    #[diesel(table_name = gates)]
    pub(crate) struct NewGate {
        pub(crate) airport: String,
        pub(crate) number: i16,
        pub(crate) kind: String,
    }

    /// Changes of a gate.
    #[derive(Debug, AsChangeset)]
    #[diesel(table_name = gates)]
    pub(crate) struct GateChanges {
        pub(crate) alias: Option<String>,
    }

    /// A changeset with a parameter, written by hand.
    #[derive(Debug)]
    pub(crate) struct Retyped<T>(pub(crate) T);

    impl AsChangeset for Retyped<i32> {
        type Target = gates::table;
        type Changeset = <diesel::dsl::Eq<gates::kind, String> as AsChangeset>::Changeset;

        fn as_changeset(self) -> Self::Changeset {
            gates::kind.eq(self.0.to_string()).as_changeset()
        }
    }

    /// Parts of a key.
    #[derive(Debug, Clone, PartialEq, Eq, Hash, CacheKey)]
    #[cached(crate = crate::facade::caching)]
    pub(crate) struct Place {
        pub(crate) airport: String,
        pub(crate) floor: Option<u8>,
    }
}

/// Private models, whose types have the names of the expansion's parameters;
/// and names that shadow the prelude.
mod private {
    #![expect(dead_code, reason = "nothing here runs")]

    use diesel::prelude::*;

    diesel::table! {
        blog_posts (id) {
            id -> Integer,
            title -> Text,
        }
    }

    /// Not `std`'s.
    type D = i32;
    /// Not `core`'s.
    struct Option;
    /// Not `alloc`'s.
    struct Vec;
    /// Not `core`'s.
    struct Result;
    /// Not `core`'s.
    trait Clone {}

    /// Its table is named as Diesel would.
    #[derive(Queryable, cache_runtime::Cached)]
    #[cached(pattern = "cache_aside", ttl = "250ms", unique(title))]
    #[cfg_attr(all(), diesel(check_for_backend(diesel::sqlite::Sqlite)))]
    struct BlogPost {
        id: D,
        title: String,
    }
}

/// Columns of every name that an expansion might use for a parameter, all in scope.
mod columns_in_scope {
    #![allow(dead_code, unused_imports, reason = "nothing here runs")]

    use self::entries::dsl::*;
    use diesel::prelude::*;

    diesel::table! {
        entries (key, line) {
            key -> Integer,
            line -> Integer,
            keys -> Text,
            lookup -> Nullable<Text>,
            change -> Text,
            out -> Text,
            input -> Text,
            visit -> Text,
            value -> Text,
        }
    }

    /// How a value is kept.
    mod plain {
        use serde::{Deserialize, Deserializer, Serializer};

        pub(super) fn serialize<S: Serializer>(text: &str, out: S) -> Result<S::Ok, S::Error> {
            out.serialize_str(text)
        }

        pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
            String::deserialize(input)
        }
    }

    /// An entry.
    #[derive(Queryable, cache_runtime::Cached)]
    #[diesel(table_name = entries, primary_key(key, line))]
    #[cached(pattern = "cache_aside", ttl = "1s", unique(keys), unique(lookup, change))]
    #[cached(insert = NewEntry, changeset = EntryChanges)]
    struct Entry {
        key: i32,
        line: i32,
        keys: String,
        lookup: Option<String>,
        change: String,
        out: String,
        input: String,
        visit: String,
        #[cached(with = plain)]
        value: String,
    }

    /// A new entry.
    #[derive(Insertable)]
    #[diesel(table_name = entries)]
    struct NewEntry {
        line: i32,
    }

    /// Changes of an entry.
    #[derive(AsChangeset)]
    #[diesel(table_name = entries)]
    struct EntryChanges {
        out: Option<String>,
    }
}

/// The repository can be named, kept, shared and asked.
#[test]
fn repositories_are_ordinary_types() {
    use cache_runtime::__private::{Change, Insert, Statements};
    use cache_runtime::{Cached, Database};
    use diesel::sqlite::Sqlite;
    use public::{Gate, GateChanges, GateRepository, NewGate, Place, Retyped};

    #[derive(Clone)]
    struct State<D: Database> {
        gates: GateRepository<D>,
    }

    async fn asks<D: Database>(state: State<D>) -> usize
    where
        Gate: Statements<D::Backend>,
    {
        let gates = &state.gates;
        let by_key = gates.find(("SFO", 12_i16)).await;
        let by_alias = gates.find_by_alias("gate").await;
        let by_both = gates.find_by_airport_and_kind("SFO", &String::from("jet bridge")).await;
        [by_key, by_alias, by_both].into_iter().flatten().flatten().count()
    }

    fn is_cached<M>()
    where
        M: Cached + Statements<Sqlite>,
        NewGate: Insert<M, Sqlite>,
        GateChanges: Change<M, Sqlite>,
        Retyped<i32>: Change<M, Sqlite>,
    {
    }

    #[expect(dead_code, reason = "that it compiles is the test")]
    fn is_send<D: Database>(state: State<D>) -> impl Future<Output = usize> + Send
    where
        Gate: Statements<D::Backend>,
    {
        asks(state)
    }

    is_cached::<Gate>();
    let place = Place { airport: "SFO".to_owned(), floor: None };
    assert_eq!(cache_runtime::AsKey::<Place>::to_key(&place), place);
}

/// A model of a crate's own, of whose generated methods the crate calls one.
mod uncalled {
    use diesel::prelude::*;

    use crate::facade::caching::{Cache, Cached};

    diesel::table! {
        ramps (id) {
            id -> BigInt,
            label -> Text,
        }
    }

    /// What a macro of the crate's own writes is held to its lints, unlike a derive's.
    macro_rules! model {
        ($name:ident) => {
            #[derive(Queryable, Cached)]
            #[diesel(table_name = ramps)]
            #[cached(pattern = "cache_aside", ttl = "1m", unique(label))]
            #[cached(crate = crate::facade::caching)]
            pub(crate) struct $name {
                pub(crate) id: i64,
                pub(crate) label: String,
            }
        };
    }

    model!(Ramp);

    /// The one method that is called.
    pub(crate) async fn find(cache: &Cache<Sqlite>) -> bool {
        cache.repository::<Ramp>().find_by_label("north").await.is_ok()
    }

    type Sqlite = crate::facade::caching::R2d2<SqliteConnection>;
}

/// That this compiles is the point: `unused` is denied here.
#[test]
fn generated_methods_need_not_be_called() {
    let ramp = uncalled::Ramp { id: 1, label: "north".into() };
    assert_eq!((ramp.id, ramp.label.as_str()), (1, "north"));
    let _ = uncalled::find;
}

#![allow(missing_docs, dead_code)]
//! What the derive must emit for one model, by hand.
use diesel::prelude::*;

diesel::table! { airlines (carrier) { carrier -> Text, name -> Text, } }

#[derive(Queryable)]
#[diesel(table_name = airlines)]
pub struct Airline { carrier: String, name: String }

#[derive(Insertable)]
#[diesel(table_name = airlines)]
pub struct NewAirline { carrier: String, name: String }

#[derive(AsChangeset)]
#[diesel(table_name = airlines)]
pub struct AirlineChanges { name: Option<String> }

/// The repository of [`Airline`], made by `Cache::repository`.
pub struct AirlineRepository<D: ::cache_runtime::Database>(
    ::cache_runtime::__private::Repository<Airline, D>,
);

const _: () = {
    use ::cache_runtime::__private as __c;
    use __c::diesel as __diesel;
    use __diesel::{BoolExpressionMethods as _, ExpressionMethods as _, QueryDsl as _};

    /// One variant for each unique lookup.
    #[derive(Clone)]
    pub enum AirlineLookup {
        Name(String),
    }

    type Columns = (airlines::carrier, airlines::name,);
    const COLUMNS: Columns = (airlines::carrier, airlines::name,);

    const _: () = __c::assert_primary_key::<
        airlines::carrier,
        <airlines::table as __diesel::Table>::PrimaryKey,
    >();

    impl __c::Model for Airline {
        type Key = String;
        type Lookup = AirlineLookup;
        type Table = airlines::table;

        const DESCRIPTOR: __c::Descriptor = __c::Descriptor {
            model: "Airline",
            columns: &[
                <airlines::carrier as __diesel::Column>::NAME,
                <airlines::name as __diesel::Column>::NAME,
            ],
            key: &[<airlines::carrier as __diesel::Column>::NAME],
            lookups: &["name"],
            fingerprint: 0x1234,
            policy: __c::Policy::new(__c::Pattern::CacheAside, ::core::time::Duration::from_millis(600_000))
                .jitter_percent(10)
                .negative_ttl(::core::time::Duration::from_millis(30_000))
                .on_write(__c::OnWrite::Invalidate),
        };

        fn key(&self) -> Self::Key {
            ::core::clone::Clone::clone(&self.carrier)
        }

        fn each_lookup(&self, visit: &mut dyn FnMut(usize, &dyn __c::KeyParts)) {
            visit(0, &self.name);
        }

        fn encode_fields<S: __c::serde::ser::SerializeTuple>(
            &self,
            out: &mut S,
        ) -> ::core::result::Result<(), S::Error> {
            out.serialize_element(&self.carrier)?;
            out.serialize_element(&self.name)
        }

        fn decode_fields<'de, A: __c::serde::de::SeqAccess<'de>>(
            input: &mut A,
        ) -> ::core::result::Result<Self, A::Error> {
            ::core::result::Result::Ok(Self { carrier: __c::next(input)?, name: __c::next(input)? })
        }

        fn encode_key<S: __c::serde::ser::SerializeTuple>(
            key: &Self::Key,
            out: &mut S,
        ) -> ::core::result::Result<(), S::Error> {
            out.serialize_element(key)
        }

        fn decode_key<'de, A: __c::serde::de::SeqAccess<'de>>(
            input: &mut A,
        ) -> ::core::result::Result<Self::Key, A::Error> {
            __c::next(input)
        }
    }

    impl __c::Cached for Airline {
        type Repository<D: __c::Database> = AirlineRepository<D>;
    }

    impl<D: __c::Database> ::core::clone::Clone for AirlineRepository<D> {
        fn clone(&self) -> Self {
            Self(::core::clone::Clone::clone(&self.0))
        }
    }

    impl<D: __c::Database> ::core::convert::From<__c::Repository<Airline, D>> for AirlineRepository<D> {
        fn from(repository: __c::Repository<Airline, D>) -> Self {
            Self(repository)
        }
    }

    impl<D: __c::Database> ::core::ops::Deref for AirlineRepository<D> {
        type Target = __c::Repository<Airline, D>;
        fn deref(&self) -> &Self::Target {
            &self.0
        }
    }

    impl<D: __c::Database> AirlineRepository<D>
    where
        Airline: __c::Statements<D::Backend>,
    {
        /// The row with this `name`, if there is one. As consistent as `find`.
        pub async fn find_by_name(
            &self,
            name: impl __c::AsKey<String>,
        ) -> __c::Result<::core::option::Option<::std::sync::Arc<Airline>>> {
            self.0.find_by(0, &name, || AirlineLookup::Name(name.to_key())).await
        }
    }

    ::cache_runtime::__if_sqlite! {
        impl __c::FromRow<__diesel::sqlite::Sqlite> for Airline {
            fn from_row<'a>(
                row: &impl __diesel::row::Row<'a, __diesel::sqlite::Sqlite>,
            ) -> __diesel::deserialize::Result<Self> {
                <Self as __diesel::deserialize::FromSqlRow<
                    __diesel::dsl::SqlTypeOf<Columns>,
                    __diesel::sqlite::Sqlite,
                >>::build_from_row(row)
            }
        }

        impl __c::Statements<__diesel::sqlite::Sqlite> for Airline {
            fn by_keys(keys: ::std::vec::Vec<Self::Key>) -> __c::Load<__diesel::sqlite::Sqlite, Self> {
                __c::Load::new(airlines::table.filter(airlines::carrier.eq_any(keys)).select(COLUMNS))
            }

            fn by_lookup(lookup: Self::Lookup) -> __c::Load<__diesel::sqlite::Sqlite, Self> {
                match lookup {
                    AirlineLookup::Name(name) => {
                        __c::Load::new(airlines::table.filter(airlines::name.eq(name)).select(COLUMNS))
                    }
                }
            }

            fn delete(key: Self::Key) -> __c::Load<__diesel::sqlite::Sqlite, Self> {
                __c::Load::new(
                    __diesel::delete(airlines::table.filter(airlines::carrier.eq(key))).returning(COLUMNS),
                )
            }
        }

        impl __c::Insert<Airline, __diesel::sqlite::Sqlite> for NewAirline {
            fn insert(self) -> __c::Load<__diesel::sqlite::Sqlite, Airline> {
                __c::Load::new(__diesel::insert_into(airlines::table).values(self).returning(COLUMNS))
            }
        }

        impl __c::Change<Airline, __diesel::sqlite::Sqlite> for AirlineChanges {
            fn update(self, key: String) -> __c::Load<__diesel::sqlite::Sqlite, Airline> {
                __c::Load::new(
                    __diesel::update(airlines::table.filter(airlines::carrier.eq(key)))
                        .set(self)
                        .returning(COLUMNS),
                )
            }
        }

        impl __c::Upsert<Airline, __diesel::sqlite::Sqlite, AirlineChanges> for NewAirline {
            fn upsert(self, change: AirlineChanges) -> __c::Load<__diesel::sqlite::Sqlite, Airline> {
                __c::Load::new(
                    __diesel::insert_into(airlines::table)
                        .values(self)
                        .on_conflict(airlines::carrier)
                        .do_update()
                        .set(change)
                        .returning(COLUMNS),
                )
            }
        }
    }
};

pub async fn check<D>(r: AirlineRepository<D>) where D: cache_runtime::Database, Airline: cache_runtime::__private::Statements<D::Backend> {
    let _ = r.find("UA").await;
    let _ = r.find_by_name("x").await;
}

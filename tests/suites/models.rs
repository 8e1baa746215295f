//! Each model's row, encoded field by field and decoded, is the row it was.
//!
//! `PartialEq` on the models compares column by column; the models' own serde,
//! where they have one, would lose columns or digits, and has no part in this.

#![expect(clippy::expect_used, reason = "a test may fail")]

use std::fmt::Debug;
use std::marker::PhantomData;

use cache_runtime::__private::{KeyParts, Model};
use cache_runtime::KeyWriter;
use cache_tests::models::Sample;
use cache_tests::models::account::Account;
use cache_tests::models::article::ArticleHead;
use cache_tests::models::carrier::Carrier;
use cache_tests::models::document::Document;
use cache_tests::models::seat::Seat;
use cache_tests::models::setting::Setting;
use cache_tests::models::webhook::Webhook;
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeTuple, Serializer};

/// How many rows of each model.
const ROWS: i32 = 100;

/// A row as the runtime writes it: a tuple of its columns.
struct Row<'a, M>(&'a M);

impl<M: Model> Serialize for Row<'_, M> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut tuple = out.serialize_tuple(M::DESCRIPTOR.columns.len())?;
        self.0.encode_fields(&mut tuple)?;
        tuple.end()
    }
}

/// A key as the runtime writes it: a tuple of its columns.
struct RowKey<'a, M: Model>(&'a M::Key);

impl<M: Model> Serialize for RowKey<'_, M> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut tuple = out.serialize_tuple(M::DESCRIPTOR.key.len())?;
        M::encode_key(self.0, &mut tuple)?;
        tuple.end()
    }
}

/// Reads a row, and after it its key.
struct Read<M>(PhantomData<M>);
struct ReadKey<M>(PhantomData<M>);

impl<'de, M: Model> Visitor<'de> for Read<M> {
    type Value = M;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a row")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut input: A) -> Result<M, A::Error> {
        M::decode_fields(&mut input)
    }
}

impl<'de, M: Model> DeserializeSeed<'de> for Read<M> {
    type Value = M;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<M, D::Error> {
        input.deserialize_tuple(M::DESCRIPTOR.columns.len(), self)
    }
}

impl<'de, M: Model> Visitor<'de> for ReadKey<M> {
    type Value = M::Key;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut input: A) -> Result<M::Key, A::Error> {
        M::decode_key(&mut input)
    }
}

impl<'de, M: Model> DeserializeSeed<'de> for ReadKey<M> {
    type Value = M::Key;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<M::Key, D::Error> {
        input.deserialize_tuple(M::DESCRIPTOR.key.len(), self)
    }
}

fn bytes(value: impl Serialize) -> Vec<u8> {
    bincode::serde::encode_to_vec(value, bincode::config::standard()).expect("encodes")
}

fn value<T>(bytes: &[u8], seed: impl for<'de> DeserializeSeed<'de, Value = T>) -> T {
    bincode::serde::seed_decode_from_slice(seed, bytes, bincode::config::standard())
        .map(|(value, read)| {
            assert_eq!(read, bytes.len(), "no bytes are left over");
            value
        })
        .expect("decodes")
}

/// The parts of a row's key and of each of its lookups.
fn parts<M: Model>(row: &M) -> Vec<(Vec<u8>, bool)> {
    let mut all = Vec::new();
    let mut visit = |parts: &dyn KeyParts| {
        let mut out = KeyWriter::default();
        parts.write_parts(&mut out);
        all.push((out.as_bytes().to_vec(), out.has_null()));
    };
    visit(&row.key());
    row.each_lookup(&mut |_, parts| visit(parts));
    all
}

fn a_cached_row_is_the_row<M: Model + Sample + PartialEq + Debug>() {
    for n in 0..ROWS {
        let row = M::sample(n);
        let read: M = value(&bytes(Row(&row)), Read(PhantomData));
        assert_eq!(read, row);

        let key: M::Key = value(&bytes(RowKey::<M>(&row.key())), ReadKey::<M>(PhantomData));
        assert!(key == row.key(), "the key of {row:?}");
        assert_eq!(parts(&read), parts(&row));
        assert_eq!(parts(&row).len(), 1 + M::DESCRIPTOR.lookups.len());
    }
}

#[test]
fn of_a_plain_model() {
    a_cached_row_is_the_row::<Carrier>();
}

#[test]
fn with_a_newtype_key_a_secret_and_a_serde_that_loses_columns() {
    a_cached_row_is_the_row::<Account>();
    let shown = serde_json::to_value(Account::sample(1)).expect("an object");
    assert_eq!(shown.get("secret"), None, "the model's own serde leaves a column out");
    assert_eq!(shown["created_at"], 1_700_000_001_123_i64, "and cuts another");
}

#[test]
fn with_a_key_of_five_columns() {
    a_cached_row_is_the_row::<Seat>();
}

#[test]
fn with_another_key_than_diesel_is_told() {
    a_cached_row_is_the_row::<Setting>();
}

#[test]
fn of_a_part_of_its_table() {
    a_cached_row_is_the_row::<ArticleHead>();
}

#[test]
fn with_types_of_postgres_alone() {
    a_cached_row_is_the_row::<Document>();
}

#[test]
fn with_a_key_that_needs_help() {
    a_cached_row_is_the_row::<Webhook>();
}

#[test]
fn descriptors_hold_the_names_that_the_database_knows() {
    assert_eq!(Setting::DESCRIPTOR.columns, ["tenant", "name", "type", "enabled"]);
    assert_eq!(Setting::DESCRIPTOR.key, ["tenant", "name"]);
    assert_eq!(ArticleHead::DESCRIPTOR.columns, ["slug", "id", "title", "length", "revision"]);
    assert_eq!(Seat::DESCRIPTOR.key, ["carrier", "flight", "day", "seat_row", "letter"]);
    assert_eq!(Seat::DESCRIPTOR.lookups, ["ticket", "passenger_and_gate"]);
    assert_eq!(Account::DESCRIPTOR.policy.ttl().as_secs(), 300);
}

#[test]
fn a_lookup_that_is_null_is_noted() {
    assert!(parts(&Seat::sample(1))[1].1, "no ticket");
    assert!(!parts(&Seat::sample(2))[1].1, "a ticket");
    assert!(parts(&Seat::sample(2))[2].1, "one of two columns");
}

/// The statements, on a real SQLite.
mod statements {
    use std::fmt::Debug;

    use cache_runtime::__private::{Change, FromRow, Insert, Load, Model as _, Statements};
    use cache_tests::models::account::{Account, AccountChanges, ImportedAccount, NewAccount};
    use cache_tests::models::article::{ArticleChanges, ArticleHead, NewArticle};
    use cache_tests::models::carrier::{Carrier, CarrierChanges, NewCarrier};
    use cache_tests::models::seat::{Boarding, NewSeat, Seat, SeatChanges};
    use cache_tests::models::setting::{NewSetting, Setting, SettingChanges};
    use cache_tests::models::webhook::{NewWebhook, Webhook, WebhookChanges};
    use cache_tests::models::{Sample, Sql, account, article, carrier, seat, setting, webhook};
    use diesel::connection::{Connection, SimpleConnection};
    use diesel::sqlite::{Sqlite, SqliteConnection};

    fn rows<M: FromRow<Sqlite>>(
        connection: &mut SqliteConnection,
        load: Load<Sqlite, M>,
    ) -> Vec<M> {
        load.on(connection).expect("the statement runs")
    }

    /// Writes ten rows by `I` and changes them by `C`, each way that there is.
    fn write_and_read<M, I, C>(sql: &Sql)
    where
        M: Statements<Sqlite> + PartialEq + Debug,
        I: Sample + Insert<M, Sqlite>,
        C: Sample + Change<M, Sqlite>,
    {
        let connection = &mut SqliteConnection::establish(":memory:").expect("a database");
        connection.batch_execute(sql.sqlite.expect("a table for SQLite")).expect("creates it");

        let written: Vec<M> =
            (1..=10).flat_map(|n| rows(connection, I::sample(n).insert())).collect();
        assert_eq!(written.len(), 10);
        let keys: Vec<M::Key> = written.iter().map(M::key).collect();
        let found = rows(connection, Load::<_, M>::select(M::among(keys[2..5].to_vec())));
        assert_eq!(found.len(), 3);
        assert!(written[2..5].iter().all(|row| found.contains(row)), "as the insert returned them");
        assert_eq!(rows(connection, Load::<_, M>::select(M::among(Vec::new()))), []);

        let changed = rows(connection, C::sample(2).update(M::is(keys[1].clone())));
        assert_eq!(
            changed,
            rows(connection, Load::<_, M>::select(M::among(vec![keys[1].clone()])))
        );
        assert_ne!(changed[0], written[1]);
        let others = rows(
            connection,
            Load::<_, M>::select(M::among(vec![keys[0].clone(), keys[2].clone()])),
        );
        assert!(
            others.contains(&written[0]) && others.contains(&written[2]),
            "only one was changed"
        );

        let deleted = rows(connection, Load::<_, M>::delete(M::is(keys[3].clone())));
        assert_eq!(deleted.iter().collect::<Vec<_>>(), [&written[3]], "as it was");
        assert_eq!(rows(connection, Load::<_, M>::select(M::among(keys[3..4].to_vec()))), []);
        assert_eq!(rows(connection, I::sample(4).insert_if_new()).len(), 1, "comes back");
    }

    #[test]
    fn of_a_plain_model() {
        write_and_read::<Carrier, NewCarrier, CarrierChanges>(&carrier::SQL);
    }

    #[test]
    fn of_a_key_that_the_database_makes() {
        write_and_read::<Account, NewAccount, AccountChanges>(&account::SQL);
        write_and_read::<Account, ImportedAccount, AccountChanges>(&account::SQL);
    }

    #[test]
    fn of_a_key_of_five_columns() {
        write_and_read::<Seat, NewSeat, SeatChanges>(&seat::SQL);
        write_and_read::<Seat, NewSeat, Boarding>(&seat::SQL);
    }

    #[test]
    fn of_a_key_of_two_columns() {
        write_and_read::<Setting, NewSetting, SettingChanges>(&setting::SQL);
    }

    #[test]
    fn of_a_part_of_a_table() {
        write_and_read::<ArticleHead, NewArticle, ArticleChanges>(&article::SQL);
    }

    #[test]
    fn of_a_key_of_bytes() {
        write_and_read::<Webhook, NewWebhook, WebhookChanges>(&webhook::SQL);
    }

    #[test]
    fn what_is_there_is_not_inserted() {
        let connection = &mut SqliteConnection::establish(":memory:").expect("a database");
        connection.batch_execute(account::SQL.sqlite.expect("a table")).expect("creates it");
        let new = || ImportedAccount::sample(3).insert_if_new();
        let first: Vec<Account> = rows(connection, new());
        assert_eq!(first.len(), 1);
        assert_eq!(rows(connection, new()), [], "nor is anything else done");
        let all = Load::<_, Account>::select(Account::is(first[0].key()));
        assert_eq!(rows(connection, all), first);
    }
}

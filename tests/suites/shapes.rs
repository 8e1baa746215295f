//! Models whose rows are not simply a table's, over every database, driver and store.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cache_runtime::ports::{Dialect as _, Model as _, Store};
use cache_runtime::{Cache, Database, Error, ErrorKind, models};
use cache_tests::gate::{Gate, GatedDatabase, GatedStore};
use cache_tests::shapes::orders::{Plain, aside, fenced, through, validated};
use cache_tests::shapes::{TABLES, baskets, invoices, links, members, people, posts, sessions};
use cache_tests::stores::namespace;
use diesel::prelude::*;

/// A process with these models: its gate and its cache.
macro_rules! process {
    ($world:expr, [$($model:ty),*]) => {{
        let gate = Gate::default();
        let cache = Cache::builder(GatedDatabase::new($world.driver.clone(), gate.clone()))
            .store(GatedStore::new($world.store.clone(), gate.clone()))
            .models(models![$($model),*])
            .namespace($world.namespace.clone())
            .build()
            .await
            .unwrap();
        gate.start_counting();
        (gate, cache)
    }};
}

/// Waits for the fills in the background.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(30)).await;
}

/// Random numbers, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// The lists as plain code makes them of all rows.
struct Truth(Vec<Plain>);

impl Truth {
    fn open_of(&self, customer: Option<i64>) -> Vec<Plain> {
        let mut rows: Vec<_> =
            self.0.iter().filter(|row| row.open && row.customer == customer).cloned().collect();
        rows.sort_by_key(|row| (-row.rank, -row.id));
        rows
    }

    fn oldest_of(&self, customer: Option<i64>) -> Vec<Plain> {
        let mut rows: Vec<_> =
            self.0.iter().filter(|row| row.customer == customer).cloned().collect();
        rows.sort_by_key(|row| (!row.open, row.id));
        rows
    }

    fn all(&self) -> Vec<Plain> {
        let mut rows = self.0.clone();
        rows.sort_by(|a, b| a.rank.cmp(&b.rank).then(b.number.cmp(&a.number)));
        rows
    }
}

macro_rules! plain {
    ($rows:expr) => {
        $rows.await.unwrap().iter().map(|row| row.plain()).collect::<Vec<_>>()
    };
}

/// Random writes by two processes; after each, every list of each process is what it has to be.
macro_rules! lists_follow_every_write {
    ($($name:ident: $mode:ident;)*) => {$(
        #[tokio::test]
        async fn $name() {
            use $mode::{NewOrder, Order, OrderChanges};
            let world = World::new();
            let (_, one) = process!(world, [Order]);
            let (_, two) = process!(world, [Order]);
            let caches = [one, two];
            let repositories = [caches[0].repository::<Order>(), caches[1].repository::<Order>()];
            let mut dice = Dice(7);
            for step in 0..70 {
                let (cache, orders) = {
                    let which = dice.below(2) as usize;
                    (&caches[which], &repositories[which])
                };
                let id = 1 + dice.below(8) as i64;
                let customer = [None, Some(1), Some(2)][dice.below(3) as usize];
                let rank = dice.below(5) as i64;
                let new = |number: i64| NewOrder {
                    id,
                    number: format!("n{number}"),
                    customer,
                    rank,
                    note: format!("step {step}"),
                    open: rank != 1,
                };
                let move_to = OrderChanges { customer: Some(customer), ..OrderChanges::default() };
                let sort = OrderChanges { rank: Some(rank), ..OrderChanges::default() };
                let shut = OrderChanges { open: Some(rank % 2 == 0), ..OrderChanges::default() };
                let note = || OrderChanges {
                    note: Some(format!("step {step}")),
                    ..OrderChanges::default()
                };
                let there = orders.find_uncached(id).await.unwrap().is_some();
                match dice.below(12) {
                    0 | 1 if !there => drop(orders.insert(new(id)).await.unwrap()),
                    0 | 2 => drop(orders.upsert(id, new(id), move_to).await.unwrap()),
                    1 | 3 => {
                        let number = format!("n{id}");
                        drop(orders.upsert_by_number(&number, new(id), sort).await.unwrap());
                    }
                    4 => drop(orders.update(id, move_to).await.unwrap()),
                    5 => drop(orders.update(id, sort).await.unwrap()),
                    6 => drop(orders.update(id, shut).await.unwrap()),
                    7 => drop(orders.update(id, note()).await.unwrap()),
                    8 => drop(orders.delete(id).await.unwrap()),
                    // Sometimes so many that the table is invalidated as a whole.
                    9 => {
                        let some = $mode::table::rank.le(rank);
                        drop(orders.update_where(some, move_to).await.unwrap());
                    }
                    10 => drop(orders.delete_where($mode::table::rank.eq(rank)).await.unwrap()),
                    _ => {
                        cache
                            .transaction(async |tx| {
                                tx.repository::<Order>().update(id, move_to).await?;
                                let undone: Result<(), Error> = tx
                                    .savepoint(async |tx| {
                                        tx.repository::<Order>().delete(id).await?;
                                        Err(Error::new(ErrorKind::Conflict, "undone"))
                                    })
                                    .await;
                                assert!(undone.is_err());
                                Ok::<_, Error>(())
                            })
                            .await
                            .unwrap();
                    }
                }
                let mut truth = Truth(Vec::new());
                for id in 1..=8 {
                    let row = orders.find_uncached(id).await.unwrap();
                    truth.0.extend(row.map(|row| row.plain()));
                }
                for orders in &repositories {
                    for customer in [None, Some(1), Some(2)] {
                        let open = truth.open_of(customer);
                        let listed = plain!(orders.list_by_customer(customer));
                        assert_eq!(listed, open[..open.len().min(3)], "{step}: {customer:?}");
                        let oldest = plain!(orders.list_oldest(customer));
                        assert_eq!(oldest, truth.oldest_of(customer), "{step}: {customer:?}");
                    }
                    let all = truth.all();
                    let listed = plain!(orders.list_all());
                    assert_eq!(listed, all[..all.len().min(2)], "{step}");
                }
            }
        }
    )*};
}

cache_tests::matrix!("shapes/lists.rs", TABLES);

/// A transaction on a pinned connection tells of its rows in the same way.
#[tokio::test]
async fn a_pinned_transaction_follows_what_is_concealed() {
    use people::{NewPerson, NewToken, Person};
    let server = cache_tests::databases::Sqlite::with(TABLES);
    let cache = Cache::builder(server.pool.clone())
        .store(cache_runtime::InProcess::new())
        .models(models![Person])
        .build()
        .await
        .unwrap();
    let people = cache.repository::<Person>();
    people.insert(NewPerson { id: 1, login: "a".into(), nick: None }).await.unwrap();
    people.update(1, NewToken { token: Some(Some("red".into())) }).await.unwrap();
    assert!(people.find_by_token("red").await.unwrap().is_some());
    settle().await;
    cache
        .pinned_transaction(|tx| {
            tx.touch::<Person>([1])?;
            diesel::update(people::people::table)
                .set(people::people::token.eq("blue"))
                .execute(&mut **tx)?;
            tx.touch::<Person>([1])
        })
        .await
        .unwrap();
    assert!(people.find_by_token("red").await.unwrap().is_none());
    assert!(people.find_by_token("blue").await.unwrap().is_some());
}

/// So do the application's own transactions, and those of a pinned connection, of members.
#[tokio::test]
async fn transactions_on_a_connection_tell_of_members() {
    use invoices::eventual::{Invoice, Line, Note};
    let server = cache_tests::databases::Sqlite::with(TABLES);
    server.execute("INSERT INTO invoices VALUES (1, 'n1', 5), (2, 'n2', 0)");
    server.execute("INSERT INTO invoice_lines VALUES (7, 1, 5)");
    let cache = Cache::builder(server.pool.clone())
        .store(cache_runtime::InProcess::new())
        .models(models![Invoice, Line, Note])
        .build()
        .await
        .unwrap();
    let lines = async |id: i64| {
        let whole = cache.repository::<Invoice>().find_aggregate(id).await.unwrap().unwrap();
        settle().await;
        whole.members::<Line>().len()
    };
    let move_to = |id: i64| {
        diesel::update(invoices::invoice_lines::table).set(invoices::invoice_lines::invoice.eq(id))
    };
    assert_eq!((lines(1).await, lines(2).await), (1, 0));
    cache
        .pinned_transaction(move |tx| {
            tx.touch::<Line>([7])?;
            move_to(2).execute(&mut **tx)?;
            tx.touch::<Line>([7])
        })
        .await
        .unwrap();
    assert_eq!((lines(1).await, lines(2).await), (0, 1));
    let touched = server.pool.get().unwrap().transaction(|connection| {
        let before = cache.touch::<Line>(connection, [7])?;
        move_to(1).execute(connection)?;
        Ok::<_, Error>(before.and(cache.touch::<Line>(connection, [7])?))
    });
    touched.unwrap().committed().await;
    assert_eq!((lines(1).await, lines(2).await), (1, 0));
}

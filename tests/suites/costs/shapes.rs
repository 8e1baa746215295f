//! What lists, concealed lookups, dependents and aggregates cost.

use cache_runtime::ports::Database;
use cache_runtime::{Cache, R2d2, Registration};
use cache_tests::databases::Sqlite;
use cache_tests::gate::GatedDatabase;
use cache_tests::shapes::TABLES;
use cache_tests::shapes::invoices::through::{
    Invoice, Line, LineChanges, NewInvoice, NewLine, Note,
};
use cache_tests::shapes::orders::through::{NewOrder, Order, OrderChanges};
use cache_tests::shapes::people::{NewPerson, NewToken, Person};
use cache_tests::shapes::posts::{Author, AuthorChanges, Edited, NewAuthor, Post, Shown};
use cache_tests::stores::namespace;
use diesel::SqliteConnection;

use crate::meter::{Cost, Meter, WriteCost, alone};

type Driver = GatedDatabase<R2d2<SqliteConnection>>;

async fn measured<const N: usize>(
    models: [Registration<Driver>; N],
) -> (Sqlite, Meter, Cache<Driver>) {
    let server = Sqlite::with(TABLES);
    let meter = Meter::new(&server.statements).await;
    let driver = GatedDatabase::new(R2d2::new(server.pool.clone()), meter.gate.clone());
    driver.check().await.unwrap();
    let cache = Cache::builder(driver)
        .store(meter.store())
        .models(models)
        .namespace(namespace())
        .build()
        .await
        .unwrap();
    (server, meter, cache)
}

fn write(
    before_commit: usize,
    after_commit: usize,
    scripts: usize,
    statements: usize,
) -> WriteCost {
    WriteCost { before_commit, after_commit, scripts, statements }
}

#[test]
fn a_list_is_two_trips_and_a_change_that_moves_nothing_leaves_it() {
    alone(async {
        let (_server, mut meter, cache) = measured(cache_runtime::models![Order]).await;
        let orders = cache.repository::<Order>();
        let new = |id: i64| NewOrder {
            id,
            number: format!("n{id}"),
            customer: Some(1),
            rank: id,
            note: String::new(),
            open: true,
        };
        let (_, first) = meter.of_write("an insert with 3 lists", orders.insert(new(1))).await;
        // Beside BEGIN, INSERT and COMMIT nothing is asked.
        assert_eq!(first, write(1, 2, 3, 3), "FENCE; LIFT, and the removal of the lists");
        orders.insert(new(2)).await.unwrap();
        let list = || orders.list_by_customer(Some(1));
        let (_, miss) = meter.of("a list that is not cached", list()).await;
        assert_eq!(miss, Cost { trips: 2, gets: 1, mgets: 0, scripts: 1, statements: 1 });
        let (_, hit) = meter.of("a list that is", list()).await;
        assert_eq!(hit, Cost { trips: 2, gets: 1, mgets: 1, scripts: 0, statements: 0 });
        let note = OrderChanges { note: Some("n".into()), ..OrderChanges::default() };
        let (_, noted) =
            meter.of_write("a change that moves nothing", orders.update(1, note)).await;
        assert_eq!(noted, write(1, 1, 2, 4), "with the row as it was");
        let (_, hit) = meter.of("the same list", list()).await;
        assert_eq!((hit.trips, hit.statements), (2, 0));
        let up = OrderChanges { rank: Some(9), ..OrderChanges::default() };
        let (_, moved) = meter.of_write("a change of the order", orders.update(1, up)).await;
        assert_eq!((moved.before_commit, moved.after_commit, moved.statements), (1, 2, 4));
    });
}

#[test]
fn what_a_model_conceals_is_read_before_a_write_and_after_it() {
    alone(async {
        let (_server, mut meter, cache) = measured(cache_runtime::models![Person]).await;
        let people = cache.repository::<Person>();
        let new = NewPerson { id: 1, login: "a".into(), nick: None };
        let (_, insert) = meter.of_write("an insert that conceals", people.insert(new)).await;
        assert_eq!(insert.statements, 4, "BEGIN, INSERT, what it conceals, COMMIT");
        let token = NewToken { token: Some(Some("t".into())) };
        let (_, update) = meter.of_write("an update that conceals", people.update(1, token)).await;
        assert_eq!(update.statements, 6, "beside BEGIN, the row as it was, UPDATE and COMMIT, two");
        let (_, miss) = meter.of("a concealed lookup", people.find_by_token("t")).await;
        assert_eq!((miss.trips, miss.statements), (2, 2), "the second tells which value it has");
    });
}

#[test]
fn each_model_that_depends_is_four_statements() {
    alone(async {
        let (_server, mut meter, cache) =
            measured(cache_runtime::models![Author, Post, Shown, Edited]).await;
        let authors = cache.repository::<Author>();
        authors.insert(NewAuthor { id: 1, name: "a".into() }).await.unwrap();
        let name = AuthorChanges { name: "b".into() };
        let (_, cost) =
            meter.of_write("an update with 2 dependents", authors.update(1, name)).await;
        assert_eq!(cost.statements, 4 + 2 * 4, "BEGIN, the row as it was, UPDATE, COMMIT");
    });
}

#[test]
fn an_aggregate_is_a_statement_a_model_and_none_once_it_is_cached() {
    alone(async {
        let (_server, mut meter, cache) =
            measured(cache_runtime::models![Invoice, Line, Note]).await;
        let (roots, lines) = (cache.repository::<Invoice>(), cache.repository::<Line>());
        roots.insert(NewInvoice { id: 1, number: "n".into(), total: 5 }).await.unwrap();
        let line = NewLine { id: 1, invoice: 1, amount: 5 };
        let (_, insert) = meter.of_write("an insert of a member", lines.insert(line)).await;
        assert_eq!(insert.statements, 3, "BEGIN, INSERT, COMMIT");
        let (_, miss) = meter.of("an aggregate of 3 models", roots.find_aggregate(1)).await;
        assert_eq!(miss, Cost { trips: 2, gets: 1, mgets: 0, scripts: 1, statements: 3 });
        let (_, hit) = meter.of("an aggregate that is cached", roots.find_aggregate(1)).await;
        assert_eq!(hit, Cost { trips: 1, gets: 1, mgets: 0, scripts: 0, statements: 0 });
        let amount = LineChanges { amount: Some(6), invoice: None };
        let (_, update) = meter.of_write("an update of a member", lines.update(1, amount)).await;
        assert_eq!(update, write(1, 2, 3, 4), "FENCE; LIFT, and the removal of the aggregate");
    });
}

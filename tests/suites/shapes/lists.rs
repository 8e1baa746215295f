// Included once for each column of the matrix: `Driver`, `Server`, `open` and `KIND` are
// the column's own.

type Backend = <Driver as Database>::Backend;

/// A database and a store on which processes are started.
struct World {
    server: Server,
    driver: Driver,
    store: Arc<dyn Store>,
    namespace: String,
}

impl World {
    fn new() -> Self {
        let (server, driver) = open();
        server.execute(Backend::CREATE_COUNTER);
        Self { server, driver, store: KIND.store(), namespace: namespace() }
    }
}

lists_follow_every_write! {
    lists_follow_every_write: aside;
    lists_follow_every_write_through: through;
    lists_follow_every_write_under_a_fence: fenced;
    lists_follow_every_write_with_validation: validated;
}

include!("rows.rs");
include!("aggregates.rs");

fn order(id: i64, rank: i64) -> through::NewOrder {
    let (number, note) = (format!("n{id}"), String::new());
    through::NewOrder { id, number, customer: Some(1), rank, note, open: true }
}

#[tokio::test]
async fn a_list_is_cached_and_so_are_its_rows() {
    let world = World::new();
    let (_, cache) = process!(world, [through::Order]);
    let writer = cache.repository::<through::Order>();
    let (gate, cache) = process!(world, [through::Order]);
    let reader = cache.repository::<through::Order>();
    for id in 1..=3 {
        writer.insert(order(id, id)).await.unwrap();
    }
    assert_eq!(reader.list_by_customer(Some(1)).await.unwrap().len(), 3);
    assert_eq!(gate.passed("load:before"), 1, "one statement");
    settle().await;
    let rows = reader.list_by_customer(Some(1)).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), [3, 2, 1]);
    assert_eq!(gate.passed("load:before"), 1, "none: the rows were written through");

    // A change that moves no row leaves the lists as they are.
    let note = through::OrderChanges { note: Some("new".into()), ..Default::default() };
    writer.update(2, note).await.unwrap();
    let rows = reader.list_by_customer(Some(1)).await.unwrap();
    assert_eq!(rows[1].note, "new");
    assert_eq!(gate.passed("load:before"), 1, "the row was put, and the list is the same");

    // One beyond the page's end, or of another customer, is no row of this list, but it is of all.
    let far = through::NewOrder { customer: Some(2), ..order(4, 9) };
    writer.insert(far).await.unwrap();
    assert_eq!(reader.list_by_customer(Some(1)).await.unwrap().len(), 3);
    assert_eq!(gate.passed("load:before"), 1, "another list's");
    let up = through::OrderChanges { rank: Some(8), ..Default::default() };
    writer.update(1, up).await.unwrap();
    let rows = reader.list_by_customer(Some(1)).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), [1, 3, 2]);
    assert_eq!(gate.passed("load:before"), 2, "sorted anew");
}

#[tokio::test]
async fn pages_follow_each_other_in_mixed_directions() {
    let world = World::new();
    let (_, cache) = process!(world, [through::Order]);
    let orders = cache.repository::<through::Order>();
    for id in 1..=11 {
        orders.insert(order(id, id % 3)).await.unwrap();
    }
    // By rank ascending, then by number descending.
    let mut page = orders.list_all().await.unwrap();
    let mut walked = Vec::new();
    while let Some(last) = page.last() {
        assert!(page.len() <= 2);
        let next = orders.list_all_after(last).await.unwrap();
        walked.append(&mut page.iter().map(|row| (row.rank, row.number.clone())).collect());
        page = next;
    }
    let mut all: Vec<_> = (1..=11).map(|id| (id % 3, format!("n{id}"))).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
    assert_eq!(walked, all);
    let first = orders.list_by_customer(Some(1)).await.unwrap();
    let second = orders.list_by_customer_after(Some(1), &first[2]).await.unwrap();
    assert_eq!(second.iter().map(|row| (row.rank, row.id)).collect::<Vec<_>>(), [(2, 2), (1, 10), (1, 7)]);
}

#[tokio::test]
async fn what_goes_past_the_repository_is_made_good() {
    let world = World::new();
    let (_, cache) = process!(world, [through::Order]);
    let orders = cache.repository::<through::Order>();
    for id in 1..=3 {
        orders.insert(order(id, id)).await.unwrap();
    }
    orders.list_by_customer(Some(1)).await.unwrap();
    settle().await;
    // A row that has gone, or moved, is found out where it has been forgotten itself.
    world.server.execute("DELETE FROM orders WHERE id = 3");
    orders.invalidate(3).await;
    let ids = |rows: Vec<Arc<through::Order>>| rows.iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(ids(orders.list_by_customer(Some(1)).await.unwrap()), [2, 1]);
    settle().await;
    // One that is new is not, but for this.
    world.server.execute("INSERT INTO orders VALUES (4, 'n4', 1, 4, '', true)");
    assert_eq!(ids(orders.list_by_customer(Some(1)).await.unwrap()), [2, 1]);
    orders.invalidate_list_by_customer(Some(1)).await;
    assert_eq!(ids(orders.list_by_customer(Some(1)).await.unwrap()), [4, 2, 1]);
    settle().await;
    // In a transaction, a row that raw statements change is named before them and after.
    cache
        .transaction(async |tx| {
            tx.touch::<through::Order>([4]).await?;
            let sunk = through::OrderChanges { rank: Some(0), ..Default::default() };
            tx.repository::<through::Order>().update(4, sunk).await?;
            tx.touch::<through::Order>([4]).await
        })
        .await
        .unwrap();
    assert_eq!(ids(orders.list_by_customer(Some(1)).await.unwrap()), [2, 1, 4]);
}

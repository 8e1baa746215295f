//! Of lists, and of rows that show something of another table.

use cache_runtime::ErrorKind;
use cache_tests::shapes::orders::{aside, fenced};
use cache_tests::shapes::posts::{Author, AuthorChanges, Edited, NewAuthor, NewPost, Post, Shown};

use super::world::{World, settle};
use crate::Seen;

macro_rules! order {
    ($mode:ident, $id:expr, $rank:expr) => {
        $mode::NewOrder {
            id: $id,
            number: format!("n{}", $id),
            customer: Some(1),
            rank: $rank,
            note: String::new(),
            open: true,
        }
    };
}

macro_rules! ids {
    ($orders:expr) => {{
        let rows = $orders.list_by_customer(Some(1)).await.unwrap();
        rows.iter().map(|row| row.id).collect::<Vec<_>>()
    }};
}

/// 32: a list is read, a row comes into it, and then the list is filled.
macro_rules! loses_a_member {
    ($($name:ident: $mode:ident;)*) => {$(
        pub(crate) async fn $name(world: World) -> Seen {
            let (gate, cache) = open!(world, [$mode::Order]);
            let reader = cache.repository::<$mode::Order>();
            let (_, cache) = open!(world, [$mode::Order]);
            let writer = cache.repository::<$mode::Order>();
            writer.insert(order!($mode, 1, 1)).await.unwrap();
            let fill = gate.hold("fill:before");
            assert_eq!(ids!(reader), [1]);
            reach!(fill);
            writer.insert(order!($mode, 2, 2)).await.unwrap();
            fill.open();
            settle().await;
            Seen::Hit(ids!(reader) == [2, 1])
        }
    )*};
}

loses_a_member! {
    loses_a_member: aside;
    loses_a_member_strict: fenced;
}

/// 32: a list is read in its order, a row of it is sorted anew, and then the list is filled.
pub(crate) async fn keeps_an_old_order(world: World) -> Seen {
    let (gate, cache) = open!(world, [aside::Order]);
    let reader = cache.repository::<aside::Order>();
    let (_, cache) = open!(world, [aside::Order]);
    let writer = cache.repository::<aside::Order>();
    for id in [1, 2] {
        writer.insert(order!(aside, id, id)).await.unwrap();
    }
    let fill = gate.hold("fill:before");
    assert_eq!(ids!(reader), [2, 1]);
    reach!(fill);
    let up = aside::OrderChanges { rank: Some(9), ..Default::default() };
    writer.update(1, up).await.unwrap();
    fill.open();
    settle().await;
    Seen::Hit(ids!(reader) == [1, 2])
}

/// 32: between the list and its rows one of them leaves it.
pub(crate) async fn keeps_a_member(world: World) -> Seen {
    let (gate, cache) = open!(world, [aside::Order]);
    let reader = cache.repository::<aside::Order>();
    let (_, cache) = open!(world, [aside::Order]);
    let writer = cache.repository::<aside::Order>();
    writer.insert(order!(aside, 1, 1)).await.unwrap();
    assert_eq!(ids!(reader), [1]);
    settle().await;
    let hit = gate.hold("get:after");
    let orders = reader.clone();
    let read = tokio::spawn(async move { orders.list_by_customer(Some(1)).await });
    reach!(hit);
    let away = aside::OrderChanges { customer: Some(Some(2)), ..Default::default() };
    writer.update(1, away).await.unwrap();
    hit.open();
    // The read overlaps the write, but never may it give a row that is not in the list.
    let rows = read.await.unwrap().unwrap();
    Seen::Hit(rows.iter().all(|row| row.customer == Some(1)))
}

async fn post(world: &World) {
    let (_, cache) = open!(world, [Author, Post, Shown, Edited]);
    cache.repository::<Author>().insert(NewAuthor { id: 1, name: "old".into() }).await.unwrap();
}

fn new_post() -> NewPost {
    NewPost { id: 7, author: 1, editor: None, title: "t".into(), words: 1 }
}

/// A row shows a column of another table, whose row is changed.
pub(crate) async fn shows_an_old_name(world: World) -> Seen {
    post(&world).await;
    let (gate, cache) = open!(world, [Author, Post, Shown, Edited]);
    let reader = cache.repository::<Shown>();
    let (_, cache) = open!(world, [Author, Post, Shown, Edited]);
    cache.repository::<Post>().insert(new_post()).await.unwrap();
    let fill = gate.hold("fill:before");
    assert_eq!(reader.find(7).await.unwrap().unwrap().author_name, "old");
    reach!(fill);
    let name = AuthorChanges { name: "new".into() };
    cache.repository::<Author>().update(1, name).await.unwrap();
    fill.open();
    settle().await;
    Seen::Hit(reader.find(7).await.unwrap().unwrap().author_name == "new")
}

/// The same, where the row that shows it is inserted while the other's change commits.
pub(crate) async fn shows_an_old_name_of_a_new_row(world: World) -> Seen {
    post(&world).await;
    let (_, cache) = open!(world, [Author, Post, Shown, Edited]);
    let (reader, posts) = (cache.repository::<Shown>(), cache.repository::<Post>());
    let (gate, cache) = open!(world, [Author, Post, Shown, Edited]);
    let authors = cache.repository::<Author>();
    let commit = gate.hold("commit:before");
    let name = AuthorChanges { name: "new".into() };
    let write = tokio::spawn(async move { authors.update(1, name).await });
    reach!(commit);
    posts.insert(new_post()).await.unwrap();
    assert_eq!(reader.find(7).await.unwrap().unwrap().author_name, "old");
    settle().await;
    commit.open();
    write.await.unwrap().unwrap();
    Seen::Hit(reader.find(7).await.unwrap().unwrap().author_name == "new")
}

/// The same, where the answer to the COMMIT is lost, and it takes effect later.
pub(crate) async fn shows_an_old_name_after_a_lost_commit(world: World) -> Seen {
    post(&world).await;
    let (_, cache) = open!(world, [Author, Post, Shown, Edited]);
    let (reader, posts) = (cache.repository::<Shown>(), cache.repository::<Post>());
    let (gate, cache) = open!(world, [Author, Post, Shown, Edited]);
    let authors = cache.repository::<Author>();
    let late = gate.late("commit");
    let lost = authors.update(1, AuthorChanges { name: "new".into() }).await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::CommitUnknown);
    posts.insert(new_post()).await.unwrap();
    assert_eq!(reader.find(7).await.unwrap().unwrap().author_name, "old");
    settle().await;
    late.open();
    tokio::time::sleep(crate::FENCE * 3 / 2).await;
    assert_eq!(reader.find_uncached(7).await.unwrap().unwrap().author_name, "new");
    Seen::Hit(reader.find(7).await.unwrap().unwrap().author_name == "new")
}

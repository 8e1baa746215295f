//! Of aggregates: a root with members as they were before a write.

use cache_runtime::Error;
use cache_tests::shapes::invoices::{bounded, eventual, fenced};

use super::world::{World, settle};
use crate::Seen;

/// Two invoices, the first with a line.
fn fill(world: &World) {
    world.database.execute("INSERT INTO invoices VALUES (1, 'n1', 5)");
    world.database.execute("INSERT INTO invoices VALUES (2, 'n2', 0)");
    world.database.execute("INSERT INTO invoice_lines VALUES (7, 1, 5)");
}

/// A process with the models of a mode.
macro_rules! process_of {
    ($world:expr, $mode:ident) => {
        open!($world, [$mode::Invoice, $mode::Line, $mode::Note])
    };
}

/// The amounts of an invoice's lines.
macro_rules! amounts {
    ($mode:ident, $roots:expr, $id:expr) => {{
        let whole = $roots.find_aggregate($id).await.unwrap().unwrap();
        whole.members::<$mode::Line>().iter().map(|line| line.amount).collect::<Vec<_>>()
    }};
}

/// 27: an aggregate is read, a member of it is changed, and then the aggregate is filled.
macro_rules! filled_with_an_old_member {
    ($($name:ident: $mode:ident;)*) => {$(
        pub(crate) async fn $name(world: World) -> Seen {
            fill(&world);
            let (gate, cache) = process_of!(world, $mode);
            let roots = cache.repository::<$mode::Invoice>();
            let (_, cache) = process_of!(world, $mode);
            let lines = cache.repository::<$mode::Line>();
            let fill = gate.hold("fill:before");
            assert_eq!(amounts!($mode, roots, 1), [5]);
            reach!(fill);
            let amount = $mode::LineChanges { amount: Some(6), invoice: None };
            lines.update(7, amount).await.unwrap().unwrap();
            fill.open();
            settle().await;
            Seen::Hit(amounts!($mode, roots, 1) == [6])
        }
    )*};
}

filled_with_an_old_member! {
    filled_with_an_old_member: eventual;
    filled_with_an_old_member_strict: fenced;
}

/// 6: a member is changed, and its writer crashes between the commit and the removal of the
/// aggregate. It is bounded, so what tells of it has committed with the member.
pub(crate) async fn crash_after_a_member(world: World) -> Seen {
    fill(&world);
    let (gate, cache) = process_of!(world, bounded);
    let lines = cache.repository::<bounded::Line>();
    let (_, cache) = process_of!(world, bounded);
    let roots = cache.repository::<bounded::Invoice>();
    assert_eq!(amounts!(bounded, roots, 1), [5]);
    settle().await;
    let crash = gate.hold("invalidate:before");
    let amount = bounded::LineChanges { amount: Some(6), invoice: None };
    let _never_ends = tokio::spawn(async move { lines.update(7, amount).await });
    reach!(crash);
    // Longer than the bound.
    tokio::time::sleep(std::time::Duration::from_millis(1400)).await;
    Seen::Hit(amounts!(bounded, roots, 1) == [6])
}

/// 27: a member moves to another root, and its key does not tell from which.
pub(crate) async fn kept_by_the_root_it_left(world: World) -> Seen {
    fill(&world);
    let (gate, cache) = process_of!(world, eventual);
    let roots = cache.repository::<eventual::Invoice>();
    let fill = gate.hold("fill:before");
    assert_eq!(amounts!(eventual, roots, 1), [5]);
    reach!(fill);
    fill.open();
    assert_eq!(amounts!(eventual, roots, 2), Vec::<i64>::new());
    settle().await;
    let (_, cache) = process_of!(world, eventual);
    let moved = eventual::LineChanges { invoice: Some(2), amount: None };
    cache.repository::<eventual::Line>().update(7, moved).await.unwrap().unwrap();
    let (left, come) = (amounts!(eventual, roots, 1), amounts!(eventual, roots, 2));
    Seen::Hit(left.is_empty() && come == [5])
}

/// 27: root and member change together between the statements that read them.
pub(crate) async fn read_while_it_changes(world: World) -> Seen {
    fill(&world);
    let (gate, cache) = process_of!(world, eventual);
    let roots = cache.repository::<eventual::Invoice>();
    let (_, cache) = process_of!(world, eventual);
    let first = gate.hold("load:after");
    let reader = roots.clone();
    let read = tokio::spawn(async move { reader.find_aggregate(1).await });
    reach!(first);
    cache
        .transaction(async |tx| {
            let amount = eventual::LineChanges { amount: Some(6), invoice: None };
            tx.repository::<eventual::Line>().update(7, amount).await?;
            let total = eventual::InvoiceChanges { total: Some(6), number: None };
            tx.repository::<eventual::Invoice>().update(1, total).await?;
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
    first.open();
    let whole = read.await.unwrap().unwrap().unwrap();
    let (total, amount) = (whole.root().total, whole.members::<eventual::Line>()[0].amount);
    settle().await;
    Seen::Hit(amount >= total && amounts!(eventual, roots, 1) == [6])
}

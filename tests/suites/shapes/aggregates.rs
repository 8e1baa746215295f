// Included in each column, after `World`.

/// Random writes of a root and its members by two processes; after each, every whole in each
/// process is what it has to be.
macro_rules! wholes_follow_every_write {
    ($($name:ident: $mode:ident;)*) => {$(
        #[tokio::test]
        async fn $name() {
            use invoices::$mode::{Invoice, InvoiceChanges, Line, LineChanges, NewInvoice, NewLine};
            use invoices::$mode::{NewNote, Note, NoteChanges, plain};
            let world = World::new();
            let (_, one) = process!(world, [Invoice, Line, Note]);
            let (gate, two) = process!(world, [Invoice, Line, Note]);
            let caches = [one, two];
            let names = ["a", "b", "c"];
            let mut dice = Dice(11);
            for step in 0..70 {
                let cache = &caches[dice.below(2) as usize];
                let (roots, lines, notes) = (
                    cache.repository::<Invoice>(),
                    cache.repository::<Line>(),
                    cache.repository::<Note>(),
                );
                let (id, invoice) = (1 + dice.below(6) as i64, 1 + dice.below(3) as i64);
                let name = names[dice.below(3) as usize].to_owned();
                let of = [None, Some(invoice)][dice.below(2) as usize];
                let root = NewInvoice { id: invoice, number: format!("n{invoice}"), total: step };
                let total = InvoiceChanges { total: Some(step), number: None };
                let line = NewLine { id, invoice, amount: step };
                let amount = || LineChanges { invoice: None, amount: Some(step) };
                let moved = || LineChanges { invoice: Some(invoice), amount: None };
                let note = NewNote { name: name.clone(), invoice: of, text: step.to_string() };
                let text = NoteChanges { text: Some(step.to_string()), invoice: None };
                match dice.below(14) {
                    0 | 1 => drop(roots.upsert(invoice, root, total).await.unwrap()),
                    2 => drop(roots.update(invoice, total).await.unwrap()),
                    3 => drop(roots.delete(invoice).await.unwrap()),
                    4 | 5 => drop(lines.upsert(id, line, amount()).await.unwrap()),
                    6 => drop(lines.update(id, moved()).await.unwrap()),
                    7 => drop(lines.delete(id).await.unwrap()),
                    // Sometimes so many that the table is invalidated as a whole.
                    8 => {
                        let some = invoices::invoice_lines::id.le(id);
                        drop(lines.update_where(some, moved()).await.unwrap());
                    }
                    9 => {
                        let some = invoices::invoice_lines::invoice.eq(invoice);
                        drop(lines.delete_where(some).await.unwrap());
                    }
                    10 | 11 => drop(notes.upsert(&name, note, text).await.unwrap()),
                    12 => {
                        let moved = NoteChanges { invoice: Some(of), text: None };
                        drop(notes.update(&name, moved).await.unwrap());
                    }
                    _ => {
                        let undone: Result<(), Error> = cache
                            .transaction(async |tx| {
                                tx.repository::<Line>().update(id, amount()).await?;
                                let own = tx.repository::<Invoice>().find_aggregate(invoice).await?;
                                let line = own.iter().flat_map(|own| own.members::<Line>());
                                let mut line = line.filter(|line| line.id == id);
                                assert!(line.all(|line| line.amount == step), "its own writes");
                                tx.savepoint(async |tx| {
                                    tx.repository::<Line>().delete(id).await?;
                                    Err(Error::new(ErrorKind::Conflict, "undone"))
                                })
                                .await
                            })
                            .await;
                        assert_eq!(undone.unwrap_err().kind(), ErrorKind::Conflict);
                    }
                }
                for invoice in 1..=3 {
                    let mut truth = roots.find_uncached(invoice).await.unwrap().map(|row| {
                        let (amounts, notes) = (Vec::new(), Vec::new());
                        invoices::Plain { number: row.number.clone(), total: row.total, amounts, notes }
                    });
                    for id in 1..=6 {
                        let line = lines.find_uncached(id).await.unwrap();
                        let line = line.filter(|line| line.invoice == invoice);
                        let pairs = line.map(|line| (line.id, line.amount));
                        truth.iter_mut().for_each(|truth| truth.amounts.extend(pairs));
                    }
                    for name in names {
                        let note = notes.find_uncached(name).await.unwrap();
                        let note = note.filter(|note| note.invoice == Some(invoice));
                        let pair = note.map(|note| (note.name.clone(), note.text.clone()));
                        truth.iter_mut().for_each(|truth| truth.notes.extend(pair.clone()));
                    }
                    for cache in &caches {
                        let whole = cache.repository::<Invoice>().find_aggregate(invoice).await;
                        let whole = whole.unwrap().map(|whole| plain(&whole));
                        assert_eq!(whole, truth, "{step}: {invoice}");
                    }
                }
            }
            // It was the cache that answered.
            settle().await;
            let loads = gate.passed("load:before");
            for invoice in 1..=3 {
                caches[1].repository::<Invoice>().find_aggregate(invoice).await.unwrap();
            }
            assert_eq!(gate.passed("load:before"), loads, "no statement");
        }
    )*};
}

wholes_follow_every_write! {
    wholes_follow_every_write: eventual;
    wholes_follow_every_write_through: through;
    wholes_follow_every_write_under_a_fence: fenced;
}

/// A cache with an invoice of two lines and a note, and both wholes of two invoices cached.
macro_rules! filled {
    ($world:expr) => {{
        use invoices::eventual::{Invoice, Line, Note};
        $world.server.execute("INSERT INTO invoices VALUES (1, 'n1', 5)");
        $world.server.execute("INSERT INTO invoices VALUES (2, 'n2', 0)");
        $world.server.execute("INSERT INTO invoice_lines VALUES (1, 1, 2)");
        $world.server.execute("INSERT INTO invoice_lines VALUES (2, 1, 3)");
        $world.server.execute("INSERT INTO invoice_notes VALUES ('a', 1, 'x')");
        let (gate, cache) = process!($world, [Invoice, Line, Note]);
        for id in [1, 2] {
            cache.repository::<Invoice>().find_aggregate(id).await.unwrap().unwrap();
        }
        settle().await;
        (gate, cache)
    }};
}

macro_rules! amounts {
    ($cache:expr, $id:expr) => {{
        let whole = $cache.repository::<invoices::eventual::Invoice>().find_aggregate($id).await;
        settle().await;
        whole.unwrap().map(|whole| invoices::eventual::plain(&whole).amounts)
    }};
}

#[tokio::test]
async fn what_is_changed_past_a_member_is_told_for_its_root() {
    use invoices::eventual::{Invoice, Line};
    let world = World::new();
    let (_, cache) = filled!(world);
    let lines = cache.repository::<Line>();
    // By the row, as it is now.
    world.server.execute("UPDATE invoice_lines SET amount = 7 WHERE id = 2");
    assert_eq!(amounts!(cache, 1), Some(vec![(1, 2), (2, 3)]), "nobody has told");
    lines.invalidate(2).await;
    assert_eq!(amounts!(cache, 1), Some(vec![(1, 2), (2, 7)]));
    world.server.execute("UPDATE invoice_lines SET amount = 8 WHERE id = 2");
    lines.refresh(2).await.unwrap();
    assert_eq!(amounts!(cache, 1), Some(vec![(1, 2), (2, 8)]));
    world.server.execute("UPDATE invoices SET total = 6 WHERE id = 1");
    cache.repository::<Invoice>().refresh(1).await.unwrap();
    let whole = cache.repository::<Invoice>().find_aggregate(1).await.unwrap().unwrap();
    assert_eq!(whole.root().total, 6);
    settle().await;
    // One that was deleted tells nothing, so the root is named.
    world.server.execute("DELETE FROM invoice_lines WHERE id = 2");
    cache.repository::<Invoice>().invalidate(1).await;
    assert_eq!(amounts!(cache, 1), Some(vec![(1, 2)]));
    // All at once.
    world.server.execute("UPDATE invoice_lines SET amount = 9");
    lines.invalidate_table().await.unwrap();
    assert_eq!(amounts!(cache, 1), Some(vec![(1, 9)]));
    cache
        .transaction(async |tx| {
            // A write by filter past the limit of `bulk`, and a table that is touched.
            tx.touch_table::<Line>()?;
            let amount = invoices::eventual::LineChanges { amount: Some(4), invoice: None };
            tx.repository::<Line>().update(1, amount).await
        })
        .await
        .unwrap();
    assert_eq!(amounts!(cache, 1), Some(vec![(1, 4)]));
}

#[tokio::test]
async fn a_member_that_moves_is_touched_before_and_after() {
    use invoices::eventual::{Line, LineChanges};
    let world = World::new();
    let (gate, cache) = filled!(world);
    let lines = cache.repository::<Line>();
    lines.update(2, LineChanges { invoice: Some(2), amount: None }).await.unwrap();
    assert_eq!(amounts!(cache, 1), Some(vec![(1, 2)]));
    assert_eq!(amounts!(cache, 2), Some(vec![(2, 3)]));
    // In a transaction whose statements are the application's own.
    cache
        .transaction(async |tx| {
            tx.touch::<Line>([2]).await?;
            let back = LineChanges { invoice: Some(1), amount: None };
            tx.repository::<Line>().update(2, back).await?;
            tx.touch::<Line>([2]).await
        })
        .await
        .unwrap();
    assert_eq!(amounts!(cache, 1), Some(vec![(1, 2), (2, 3)]));
    assert_eq!(amounts!(cache, 2), Some(vec![]));
    // What a savepoint undid has touched nothing.
    let loads = gate.passed("load:before");
    cache
        .transaction(async |tx| {
            let undone: Result<(), Error> = tx
                .savepoint(async |tx| {
                    tx.repository::<Line>().delete(1).await?;
                    Err(Error::new(ErrorKind::Conflict, "undone"))
                })
                .await;
            assert!(undone.is_err());
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
    assert_eq!(amounts!(cache, 1), Some(vec![(1, 2), (2, 3)]));
    assert_eq!(gate.passed("load:before"), loads, "still cached");
    // And an aggregate of nothing is absent, until its root is there.
    assert_eq!(amounts!(cache, 3), None);
    let new = invoices::eventual::NewInvoice { id: 3, number: "n3".into(), total: 0 };
    cache.repository::<invoices::eventual::Invoice>().insert(new).await.unwrap();
    assert_eq!(amounts!(cache, 3), Some(vec![]));
}

#[tokio::test]
async fn an_aggregate_is_its_tenants_own() {
    use baskets::{Basket, BasketItem, ItemChanges, NewBasket, NewItem};
    let world = World::new();
    let (gate, cache) = process!(world, [Basket, BasketItem]);
    let (roots, items) = (cache.repository::<Basket>(), cache.repository::<BasketItem>());
    for tenant in ["a", "b"] {
        roots.insert(NewBasket { tenant: tenant.into(), id: 1 }).await.unwrap();
        for position in [2, 1] {
            let (tenant, basket) = (tenant.to_owned(), 1);
            let item = NewItem { tenant, basket, position, amount: position };
            items.insert(item).await.unwrap();
        }
    }
    let amounts = async |tenant: &str| {
        let whole = roots.find_aggregate((tenant, 1)).await.unwrap().unwrap();
        assert_eq!(whole.root().tenant, tenant);
        assert!(whole.members::<BasketItem>().iter().all(|item| item.tenant == tenant));
        settle().await;
        whole.members::<BasketItem>().iter().map(|item| item.amount).collect::<Vec<_>>()
    };
    assert_eq!((amounts("a").await, amounts("b").await), (vec![1, 2], vec![1, 2]), "by their key");
    items.update(("a", 1, 2), ItemChanges { amount: 5 }).await.unwrap().unwrap();
    assert_eq!(amounts("a").await, [1, 5]);
    let loads = gate.passed("load:before");
    assert_eq!(amounts("b").await, [1, 2]);
    assert_eq!(gate.passed("load:before"), loads, "another tenant's is left alone");
}

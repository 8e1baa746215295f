// Included beside `body.rs`: rows that refer to others.

impl World {
    fn books(&self) -> Vec<(i64, i64)> {
        let mut link = self.server.pool.get().unwrap();
        books::table.order(books::id).load(&mut link).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parents_come_before_their_children_and_go_after_them() {
    let world = World::new();
    let (_one, authors) = process!(world, Author);
    let (_other, books) = process!(world, Book);
    authors.pause_flushing().await;
    authors.enqueue(Author { id: 1 }).await.unwrap();
    let book = books.enqueue(Book { id: 7, author: 1 }).await.unwrap();
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!((world.books(), books.pending().await.unwrap()), (vec![], 1), "it waits");
    assert_eq!(books.find(7).await.unwrap().unwrap().author, 1);
    authors.resume_flushing();
    book.flushed().await.unwrap();
    assert_eq!(world.books(), [(7, 1)]);

    books.pause_flushing().await;
    let book = books.enqueue_delete(7).await.unwrap();
    let author = authors.enqueue_delete(1).await.unwrap();
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(authors.pending().await.unwrap(), 1, "it waits");
    books.resume_flushing();
    author.flushed().await.unwrap();
    book.flushed().await.unwrap();
    assert_eq!(world.books(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_without_a_parent_is_parked_when_nothing_older_is_pending() {
    let world = World::new();
    let (_one, authors) = process!(world, Author);
    let (_other, books) = process!(world, Book);
    authors.pause_flushing().await;
    authors.enqueue(Author { id: 1 }).await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    let orphan = books.enqueue(Book { id: 7, author: 2 }).await.unwrap();
    // All others of its model flow meanwhile.
    authors.resume_flushing();
    for id in 10..20 {
        books.enqueue(Book { id, author: 1 }).await.unwrap().flushed().await.unwrap();
    }
    assert_eq!(orphan.flushed().await.unwrap_err().kind(), ErrorKind::Parked);
    assert_eq!(books.pending().await.unwrap(), 0);
    assert_eq!(world.books().len(), 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_flushes_raises_an_alarm_and_is_kept() {
    let world = World::new();
    let (first, authors) = process!(world, Author);
    authors.pause_flushing().await;
    authors.enqueue(Author { id: 1 }).await.unwrap();
    drop((first, authors));
    let alarms = async || {
        let told = Recorder::default();
        let _process = process!(world, Book, told.clone());
        for _ in 0..100 {
            if let Some(Event::Stray(age)) = told
                .take_events()
                .iter()
                .map(|told| told.event)
                .find(|event| matches!(event, Event::Stray(_)))
            {
                return age;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("nobody has looked");
    };
    assert_eq!(alarms().await, Duration::ZERO, "it may be another process's, which flushes it");
    world.server.execute("UPDATE cache_outbox SET at_ms = at_ms - 90000");
    let age = alarms().await;
    assert!(age >= Duration::from_secs(90) && age < Duration::from_secs(300), "{age:?}");
    assert_eq!(world.pending(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_enqueues_a_parent_and_its_children() {
    let world = World::new();
    let cache = Cache::builder(world.driver.clone())
        .shared_store(world.store.clone())
        .models(models![Book, Author])
        .namespace(world.namespace.clone())
        .accept_write_loss()
        .build()
        .await
        .unwrap();
    for id in 1..=10 {
        let both = cache.transaction(async |tx| {
            tx.repository::<Author>().enqueue(Author { id })?;
            tx.repository::<Book>().enqueue(Book { id, author: id })
        });
        both.await.unwrap();
    }
    eventually(|| world.pending() == 0).await;
    assert_eq!(world.books().len(), 10);
    assert_eq!(cache.outboxes().parked().await.unwrap(), []);
}

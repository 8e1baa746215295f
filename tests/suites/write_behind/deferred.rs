//! A constraint that PostgreSQL checks at the COMMIT: whoever breaks it is told from the others all the same.

use std::time::Duration;

use cache_runtime::{Cache, ErrorKind, InProcess, models};
use cache_tests::databases::{Postgres, migration};

use super::{Author, Book, CREATE_AUTHORS};

const CREATE_BOOKS: &str = "CREATE TABLE books (id BIGINT PRIMARY KEY, author BIGINT NOT NULL REFERENCES \
                            authors (id) DEFERRABLE INITIALLY DEFERRED)";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_only_the_commit_refuses_is_parked_alone() {
    let outbox = migration::<Postgres>("cache_outbox").up;
    let database = Postgres::with(&[CREATE_AUTHORS, CREATE_BOOKS, outbox]);
    database.execute("INSERT INTO authors VALUES (1)");
    let cache = Cache::builder(database.pool.clone())
        .store(InProcess::new())
        .models(models![Author, Book])
        .accept_write_loss()
        .build()
        .await
        .unwrap();
    let books = cache.repository::<Book>();
    books.pause_flushing().await;
    let orphan = books.enqueue(Book { id: 1, author: 2 }).await.unwrap();
    let mut others = Vec::new();
    for id in 2..=20 {
        others.push(books.enqueue(Book { id, author: 1 }).await.unwrap());
    }
    books.resume_flushing();
    let all = async {
        for other in others {
            other.flushed().await.unwrap();
        }
        orphan.flushed().await.unwrap_err().kind()
    };
    let orphan = tokio::time::timeout(Duration::from_secs(60), all).await;
    assert_eq!(orphan, Ok(ErrorKind::Parked));
}

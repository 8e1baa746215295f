//! The null store's part of the contract: it never has a value, never gives
//! a lease, and so never takes a fill.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::ports::{Fill, Filled, Form, Lease, Leased, Payload, Store};
use cache_runtime::{EntryKey, KeyWriter, Null, Token};

#[tokio::test]
async fn it_keeps_nothing_and_wants_nothing() {
    let store: Arc<dyn Store> = Arc::new(Null);
    store.start().await.unwrap();
    assert_eq!(store.form(), Form::Nothing);
    let key = EntryKey::from_writer(KeyWriter::default());
    let (token, life) = (Token(1), Duration::from_secs(60));
    let keys = [key.clone(), key.clone()];
    let lease = Lease { key: key.clone(), token, expiry: life, force: true, fingerprint: 0 };
    let leased = store.lease(&[lease.clone(), lease]).await.unwrap();
    assert_eq!(leased.len(), 2);
    assert!(leased.iter().all(|answer| matches!(answer, Leased::Bypass)));
    let payload = Payload::Shared(Arc::new(()));
    let fill = Fill { key: key.clone(), token, payload, version: None, life };
    assert_eq!(store.fill(vec![fill.clone(), fill]).await.unwrap(), [Filled::LeaseLost; 2]);
    assert_eq!(store.get(&keys).await.unwrap().len(), 2);
    assert!(store.get(&keys).await.unwrap().iter().all(Option::is_none));
    assert!(matches!(store.peek(&key), Some(None)));
    store.release(&[(key.clone(), token)]).await.unwrap();
    store.invalidate(&keys).await.unwrap();
}

//! What the checks of the Redis store do with it.

use std::time::Duration;

use cache_runtime::ports::{Fill, Filled, Lease, Leased, Payload, Store, Tokens};
use cache_runtime::{EntryKey, KeyWriter, RandomTokens, Redis, Result, Token};

/// Long enough not to matter.
pub const LONG: Duration = Duration::from_secs(60);

pub fn token() -> Token {
    RandomTokens::default().token()
}

pub fn key(name: &str) -> EntryKey {
    let mut writer = KeyWriter::default();
    writer.text(name);
    EntryKey::from_writer(writer)
}

pub async fn lease(store: &Redis, key: &EntryKey, token: Token) -> Result<Leased> {
    let lease = Lease { key: key.clone(), token, expiry: LONG, force: false, fingerprint: 0 };
    Ok(store.lease(&[lease]).await?.remove(0))
}

pub async fn fill(store: &Redis, key: &EntryKey, token: Token, text: &str) -> Result<Filled> {
    let payload = Payload::Bytes(text.to_owned().into());
    let fill = Fill { key: key.clone(), token, payload, version: None, life: LONG };
    Ok(store.fill(vec![fill]).await?[0])
}

pub async fn get(store: &Redis, key: &EntryKey) -> Result<Option<Vec<u8>>> {
    Ok(store.get(std::slice::from_ref(key)).await?.remove(0).map(|payload| match payload {
        Payload::Bytes(bytes) => bytes.to_vec(),
        Payload::Shared(_) => panic!("Redis keeps bytes"),
    }))
}

/// Leases and fills.
pub async fn put(store: &Redis, key: &EntryKey, text: &str) -> Result<()> {
    let token = token();
    assert!(matches!(lease(store, key, token).await?, Leased::Granted(_)));
    assert_eq!(fill(store, key, token, text).await?, Filled::Accepted);
    Ok(())
}

/// Whether nothing is there and nobody holds the lease.
pub async fn is_empty(store: &Redis, key: &EntryKey) -> bool {
    matches!(lease(store, key, token()).await, Ok(Leased::Granted(_)))
}

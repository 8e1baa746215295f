//! A server that forgets, fills up, falls silent or dies; and what it holds.

use std::time::{Duration, Instant};

use cache_runtime::ports::{Fence, Filled, Lease, Leased, Store};
use cache_runtime::{ErrorKind, Redis};

use cache_tests::server::Server;

use crate::operations::{LONG, fill, get, is_empty, key, lease, put, token};

#[tokio::test]
async fn the_keys_on_the_server_are_the_documented_ones_and_all_expire() {
    let server = Server::start(&[]);
    let store = server.store().await;
    let (key, token) = (key("UA"), token());
    put(&store, &key, "v").await.unwrap();
    let forced = Lease { key: key.clone(), token, expiry: LONG, force: true, fingerprint: 0 };
    store.lease(&[forced]).await.unwrap();
    let mut connection = server.connection();
    store.fence(&[Fence { key: crate::operations::key("DL"), token, expiry: LONG }]).await.unwrap();
    let mut names: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
    names.sort();
    assert_eq!(names, ["{0179}ls2:UA", "{0179}vs2:UA", "{02d4}fs2:DL"]);
    for name in &names {
        let left: i64 = redis::cmd("PTTL").arg(name).query(&mut connection).unwrap();
        assert!((1..=60_000).contains(&left), "{name}: {left}");
    }
    let held: String = redis::cmd("GET").arg(&names[0]).query(&mut connection).unwrap();
    let (holder, at) = held.split_once(':').unwrap();
    assert_eq!(holder, token.to_string());
    let at = at.strip_suffix('!').expect("it was forced");
    assert!(
        at.parse::<u64>().unwrap() > 1_600_000_000_000_000,
        "microseconds of the server's time"
    );
}

/// Anomaly 19: nothing that was granted before holds after.
#[tokio::test]
async fn an_emptied_server_accepts_no_fill_of_before() {
    let server = Server::start(&[]);
    let store = server.store().await;
    let (first, second, token) = (key("a"), key("b"), token());
    put(&store, &first, "v").await.unwrap();
    assert!(matches!(lease(&store, &second, token).await.unwrap(), Leased::Granted(_)));
    server.ask("FLUSHALL");
    assert_eq!(get(&store, &first).await.unwrap(), None);
    assert_eq!(fill(&store, &second, token, "v").await.unwrap(), Filled::LeaseLost);
    assert!(is_empty(&store, &second).await);
}

#[tokio::test]
async fn forgotten_scripts_are_loaded_again_without_running_anything_twice() {
    let server = Server::start(&[]);
    let store = server.store().await;
    for round in 0..3 {
        let (key, token) = (key(&round.to_string()), token());
        server.ask("SCRIPT FLUSH");
        let leases: Vec<Lease> = (0..2)
            .map(|_| Lease {
                key: key.clone(),
                token: crate::operations::token(),
                expiry: LONG,
                force: false,
                fingerprint: 0,
            })
            .chain([Lease { key: key.clone(), token, expiry: LONG, force: true, fingerprint: 0 }])
            .collect();
        let leased = store.lease(&leases).await.unwrap();
        assert!(matches!(leased[..], [Leased::Granted(_), Leased::Held, Leased::Granted(_)]));
        server.ask("SCRIPT FLUSH");
        assert_eq!(fill(&store, &key, token, "v").await.unwrap(), Filled::Accepted);
        server.ask("SCRIPT FLUSH");
        store.release(&[(key.clone(), token)]).await.unwrap();
        assert!(get(&store, &key).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_server_that_died_is_an_error_at_once_and_is_found_again() {
    let mut server = Server::start(&[]);
    let store = server.store().await;
    let (key, token) = (key("k"), token());
    put(&store, &key, "v").await.unwrap();
    server.stop();
    for _ in 0..20 {
        let begun = Instant::now();
        let error = get(&store, &key).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Store);
        assert!(error.to_string().contains(&server.port.to_string()), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    }
    server.restart();
    // The very next call: a breaker makes few trials.
    assert_eq!(get(&store, &key).await.unwrap(), None);
    assert!(matches!(lease(&store, &key, token).await.unwrap(), Leased::Granted(_)));
    assert_eq!(fill(&store, &key, token, "v").await.unwrap(), Filled::Accepted);
}

#[tokio::test]
async fn a_server_that_falls_silent_costs_one_timeout_and_is_found_again() {
    let server = Server::start(&[]);
    let store = Redis::url(&server.url()).unwrap().response_timeout(Duration::from_millis(200));
    store.start().await.unwrap();
    let key = key("k");
    put(&store, &key, "v").await.unwrap();
    let mut connection = server.connection();
    redis::cmd("CLIENT").arg(&["PAUSE", "1500", "ALL"]).query::<()>(&mut connection).unwrap();
    let begun = Instant::now();
    let error = get(&store, &key).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(begun.elapsed() < Duration::from_millis(1300), "{:?}", begun.elapsed());
    tokio::time::sleep(Duration::from_millis(1600)).await;
    assert_eq!(get(&store, &key).await.unwrap().as_deref(), Some(&b"v"[..]));
}

/// No room: new leases are refused, what was granted ends properly, and what
/// removes is never refused.
#[tokio::test]
async fn a_full_server_leaves_nothing_half_done() {
    let server = Server::start(&[]);
    let store = server.store().await;
    let (kept, filling, given_up) = (key("kept"), key("filling"), key("given up"));
    let (fills, gives_up) = (token(), token());
    put(&store, &kept, "old").await.unwrap();
    lease(&store, &filling, fills).await.unwrap();
    lease(&store, &given_up, gives_up).await.unwrap();
    server.ask("CONFIG SET maxmemory 1");

    let error = lease(&store, &key("new"), token()).await.err().expect("there is no room");
    assert!(error.kind() == ErrorKind::Store && error.to_string().contains("maxmemory"), "{error}");
    let filled = fill(&store, &filling, fills, "v").await;
    let there = get(&store, &filling).await.unwrap().is_some();
    assert_eq!(there, matches!(filled, Ok(Filled::Accepted)), "{filled:?}");
    store.release(&[(given_up.clone(), gives_up)]).await.unwrap();
    store.invalidate(&[kept.clone(), filling.clone()]).await.unwrap();
    assert_eq!(get(&store, &kept).await.unwrap(), None);

    server.ask("CONFIG SET maxmemory 0");
    for key in [key("new"), kept, filling, given_up] {
        assert!(is_empty(&store, &key).await, "{key:?}");
    }
    server.ask("CONFIG SET maxmemory 1");
    let fresh = server.patient();
    fresh.start().await.expect("a full server is no reason not to start");
}

#[tokio::test]
async fn one_refusal_is_an_error_of_its_batch() {
    let server = Server::start(&[]);
    let store = server.store().await;
    let mut connection = server.connection();
    put(&store, &key("UA"), "v").await.unwrap();
    redis::cmd("DEL").arg("{0179}vs2:UA").query::<()>(&mut connection).unwrap();
    redis::cmd("HSET").arg(&["{0179}vs2:UA", "f", "v"]).query::<()>(&mut connection).unwrap();
    let leases = [key("other"), key("UA")].map(|key| Lease {
        key,
        token: token(),
        expiry: LONG,
        force: false,
        fingerprint: 0,
    });
    assert!(store.lease(&leases).await.is_err());
    assert!(get(&store, &key("UA")).await.is_err());
    store.invalidate(&[key("UA")]).await.unwrap();
    assert_eq!(get(&store, &key("UA")).await.unwrap(), None, "an invalidation repairs it");
}

/// What is done for many entries is done for each: one that is broken leaves out no other.
#[tokio::test]
async fn one_refusal_leaves_out_no_other_of_its_batch() {
    let server = Server::start(&[]);
    let store = server.store().await;
    let mut connection = server.connection();
    // More than one command takes.
    let numbered = (0..100).map(|number| key(&format!("entry {number}")));
    let keys: Vec<_> = numbered.chain([key("UA")]).collect();
    for key in &keys {
        put(&store, key, "v").await.unwrap();
    }
    redis::cmd("SET").arg(&["{0179}fs2:UA", "no hash"]).query::<()>(&mut connection).unwrap();
    let mut broken_first = keys.clone();
    broken_first.rotate_right(1);
    let error = store.invalidate(&broken_first).await.expect_err("its fences are none");
    assert!(error.to_string().contains("another application"), "{error}");
    for key in &keys[..100] {
        assert_eq!(get(&store, key).await.unwrap(), None, "{key:?}");
    }
}

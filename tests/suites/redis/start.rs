//! The start: which URLs and which servers are refused, and with what words.

use std::time::{Duration, Instant};

use cache_runtime::ports::Store;
use cache_runtime::{Error, ErrorKind, Redis};

use cache_tests::server::{Server, free_port};

use crate::operations::{get, key, put};

const PASSWORD: &str = "hunter2";

/// The error of this kind, which says this and never the password.
fn refused<T>(result: Result<T, Error>, kind: ErrorKind, says: &[&str]) {
    let error = result.err().expect("it must be refused");
    let text = format!("{error} {error:?}");
    assert_eq!(error.kind(), kind, "{text}");
    for part in says {
        assert!(text.contains(part), "{text:?} does not say {part:?}");
    }
    assert!(!text.contains(PASSWORD), "{text}");
}

#[test]
fn a_url_of_the_wrong_form_is_refused_with_the_right_one() {
    for url in [
        "",
        "localhost",
        "localhost:6379",
        "http://user:hunter2@localhost",
        "redis://",
        "redis://user:hunter2@host:port",
        "redis://user:hunter2@host/db",
        "redis://user:hunter2@host:99999",
        "redis://user:hunter2@host/?protocol=hunter",
    ] {
        let form = "redis://[user:password@]host[:port][/database]";
        refused(Redis::url(url), ErrorKind::Configuration, &[form]);
    }
    let store = Redis::url("redis://user:hunter2@cache.example:7000/3").unwrap();
    assert!(format!("{store:?}").contains("cache.example:7000"));
    assert!(!format!("{store:?}").contains(PASSWORD));
    assert!(Redis::url("redis://[::1]:6379").is_ok());
}

#[test]
fn tls_is_there_or_names_its_feature() {
    if let Err(error) = Redis::url("rediss://user:hunter2@localhost") {
        refused::<()>(Err(error), ErrorKind::Configuration, &["redis-tls"]);
    }
}

/// rustls panics where nobody has chosen its cryptography.
#[tokio::test]
async fn a_server_without_tls_is_an_error_that_says_so() {
    let server = Server::start(&[]);
    if let Ok(store) = Redis::url(&format!("rediss://localhost:{}", server.port)) {
        refused(store.start().await, ErrorKind::Store, &["does that port speak TLS"]);
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_named_and_costs_no_waiting() {
    let port = free_port();
    let store = Redis::url(&format!("redis://user:hunter2@127.0.0.1:{port}")).unwrap();
    let begun = Instant::now();
    let address = format!("127.0.0.1:{port}");
    refused(store.start().await, ErrorKind::Store, &[&address, "is it running"]);
    assert!(begun.elapsed() < Duration::from_millis(900), "{:?}", begun.elapsed());
    let key = key("k");
    let unstarted = store.get(std::slice::from_ref(&key)).await.map(drop);
    refused(unstarted, ErrorKind::Store, &["before it was started"]);
}

#[tokio::test]
async fn a_wrong_or_missing_password_is_a_configuration_error() {
    let server = Server::start(&["--requirepass", "correct-horse"]);
    let store = |user: &str| Redis::url(&format!("redis://{user}127.0.0.1:{}", server.port));
    let wrong = store(":hunter2@").unwrap();
    refused(wrong.start().await, ErrorKind::Configuration, &["refused the user or the password"]);
    let none = store("").unwrap();
    refused(none.start().await, ErrorKind::Configuration, &["put the password in the URL"]);
    store(":correct-horse@").unwrap().start().await.unwrap();
}

#[tokio::test]
async fn a_replica_is_refused_and_its_primary_says_that_it_is_replicated() {
    let primary = Server::start(&[]);
    assert!(!primary.patient().start().await.unwrap().replicated);
    let replica = Server::start(&["--replicaof", &format!("127.0.0.1 {}", primary.port)]);
    refused(
        replica.patient().start().await,
        ErrorKind::Configuration,
        &["is a replica of 127.0.0.1", "point at the primary"],
    );
    let begun = Instant::now();
    while !primary.patient().start().await.unwrap().replicated {
        assert!(begun.elapsed() < Duration::from_secs(20), "the replica never connected");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn version_and_eviction_are_facts() {
    let server = Server::start(&["--maxmemory", "100mb", "--maxmemory-policy", "volatile-lru"]);
    let facts = server.patient().start().await.unwrap();
    // Valkey, where the run is on that.
    let named = ["redis ", "valkey "].iter().any(|name| facts.version.starts_with(name));
    assert!(facts.evicts && named, "{facts:?}");
    server.ask("CONFIG SET maxmemory-policy noeviction");
    assert!(!server.patient().start().await.unwrap().evicts);
}

#[tokio::test]
async fn a_cluster_node_is_refused() {
    let port = free_port().to_string();
    let file = format!("nodes-{port}.conf");
    let options = ["--cluster-enabled", "yes", "--cluster-config-file", &file];
    let server = Server::start(&[&options[..], &["--cluster-port", &port]].concat());
    refused(server.patient().start().await, ErrorKind::Configuration, &["not in cluster mode"]);
}

/// The rights in the documentation are enough, and all of them are needed.
#[tokio::test]
async fn an_acl_user_needs_the_documented_rights() {
    let server = Server::start(&[]);
    let rights = [
        "+info",
        "+script|load",
        "+evalsha",
        "+get",
        "+mget",
        "+set",
        "+del",
        "+hgetall",
        "+hset",
        "+hdel",
        "+pttl",
        "+pexpire",
        "+time",
    ];
    let user = async |rights: &[&str]| {
        server.ask(&format!("ACL SETUSER app reset on >{PASSWORD} ~{{* {}", rights.join(" ")));
        let url = format!("redis://app:{PASSWORD}@127.0.0.1:{}", server.port);
        let store = Redis::url(&url).unwrap().response_timeout(Duration::from_secs(10));
        store.start().await.map(|_| store)
    };
    let store = user(&rights).await.unwrap();
    put(&store, &key("k"), "v").await.unwrap();
    assert_eq!(get(&store, &key("k")).await.unwrap().as_deref(), Some(&b"v"[..]));
    for missing in rights {
        let others: Vec<&str> = rights.into_iter().filter(|right| *right != missing).collect();
        refused(user(&others).await.map(drop), ErrorKind::Configuration, &[missing]);
    }
}

#[tokio::test]
async fn the_newer_protocol_and_another_database_work_alike() {
    let server = Server::start(&[]);
    let url = |rest: &str| Redis::url(&format!("{}/{rest}", server.url())).unwrap();
    let (zero, one) = (url("?protocol=resp3"), url("1?protocol=resp3"));
    for store in [&zero, &one] {
        store.start().await.unwrap();
        assert_eq!(get(store, &key("k")).await.unwrap(), None);
        put(store, &key("k"), "v").await.unwrap();
        let keys = [key("k"), key("none")];
        let got = store.get(&keys).await.unwrap();
        assert!(got[0].is_some() && got[1].is_none());
    }
    zero.invalidate(&[key("k")]).await.unwrap();
    assert!(get(&one, &key("k")).await.unwrap().is_some());
}

#[tokio::test]
async fn a_store_may_be_started_twice_for_two_caches() {
    let server = Server::start(&[]);
    let store = server.store().await;
    put(&store, &key("k"), "v").await.unwrap();
    store.start().await.unwrap();
    assert!(get(&store, &key("k")).await.unwrap().is_some());
    assert_eq!(server.ask("DBSIZE"), redis::Value::Int(1), "the rehearsal leaves nothing");
}

//! Whether a server is fit for use, from what it says of itself.

use crate::ports::store::StoreFacts;
use crate::values::error::{Error, ErrorKind, Result};

/// The oldest version that answers all that is asked: scripts replicated by
/// effect, so that one may ask for the time and then write.
const OLDEST: (u32, u32) = (6, 2);

/// Reads the answers to `INFO server`, `replication` and `memory`.
pub(super) fn facts(address: &str, info: &str) -> Result<StoreFacts> {
    let field = |name: &str| {
        info.lines()
            .filter_map(|line| line.trim_end().split_once(':'))
            .find_map(|(field, value)| (field == name).then_some(value))
    };
    let unfit = |what: String| Err(Error::new(ErrorKind::Configuration, what));

    // Valkey and others state the Redis version that they are compatible with.
    let version = field("redis_version").unwrap_or("0");
    if parsed(version) < OLDEST {
        return unfit(format!(
            "Redis at {address} has version {version}; use 6.2 or later, or Valkey"
        ));
    }
    // Valkey has another name for it.
    match field("redis_mode").or(field("server_mode")) {
        Some("cluster") => {
            return unfit(format!(
                "Redis at {address} is a node of a Redis Cluster, which this version of the cache \
                 cannot use; give it a server that is not in cluster mode"
            ));
        }
        Some("sentinel") => {
            return unfit(format!(
                "{address} is a Redis Sentinel, which keeps no entries; point the URL at the primary"
            ));
        }
        _ => {}
    }
    if field("role") == Some("slave") {
        return unfit(format!(
            "Redis at {address} is a replica of {}; point at the primary, because a replica \
             lags behind invalidations and refuses writes",
            field("master_host").unwrap_or("another server"),
        ));
    }
    // Every key of ours expires, so a `volatile-` policy evicts it as an `allkeys-` one
    // does. A server that hides its limit or policy is taken to evict.
    let unlimited = field("maxmemory") == Some("0");
    let keeps = field("maxmemory_policy") == Some("noeviction");
    Ok(StoreFacts {
        version: match field("valkey_version") {
            Some(valkey) => format!("valkey {valkey}"),
            None => format!("redis {version}"),
        },
        replicated: field("connected_slaves").is_some_and(|count| count != "0"),
        evicts: !(unlimited || keeps),
        instance: None,
    })
}

/// Major and minor version; what is not a number counts as 0.
fn parsed(version: &str) -> (u32, u32) {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIT: &str = "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n\
                       role:master\r\nconnected_slaves:0\r\nmaxmemory:0\r\n\
                       maxmemory_policy:noeviction\r\n";

    fn judge(from: &str, to: &str) -> Result<StoreFacts> {
        assert!(FIT.contains(from));
        facts("cache:6379", &FIT.replace(from, to))
    }

    #[test]
    fn a_fit_server_tells_its_facts() {
        let facts = facts("cache:6379", FIT).unwrap_or_default();
        assert_eq!(
            (facts.version.as_str(), facts.replicated, facts.evicts),
            ("redis 7.0.15", false, false)
        );
    }

    #[test]
    fn the_eviction_policy_matters_only_with_a_limit() {
        let evicts = |from, to| judge(from, to).is_ok_and(|facts| facts.evicts);
        assert!(!evicts("policy:noeviction", "policy:allkeys-lru"));
        assert!(!evicts("maxmemory:0", "maxmemory:1000"));
        let limited = "maxmemory:1000\r\nmaxmemory_policy:volatile-ttl";
        assert!(evicts("maxmemory:0\r\nmaxmemory_policy:noeviction", limited));
        assert!(evicts("maxmemory:0\r\nmaxmemory_policy:noeviction", "hidden:1"));
    }

    #[test]
    fn an_unfit_server_is_refused_with_the_way_out() {
        for (from, to, says) in [
            ("7.0.15", "6.0.9", "use 6.2 or later"),
            ("role:master", "role:slave\r\nmaster_host:10.0.0.1", "point at the primary"),
            ("standalone", "cluster", "not in cluster mode"),
            ("redis_mode:standalone", "server_mode:cluster", "not in cluster mode"),
            ("standalone", "sentinel", "point the URL at the primary"),
        ] {
            let error = judge(from, to).err().map(|error| (error.kind(), error.to_string()));
            let (kind, text) = error.unwrap_or((ErrorKind::Store, String::new()));
            assert_eq!(kind, ErrorKind::Configuration);
            assert!(text.contains(says) && text.contains("cache:6379"), "{text}");
        }
        assert!(
            judge("connected_slaves:0", "connected_slaves:2").is_ok_and(|facts| facts.replicated)
        );
        assert!(
            judge("7.0.15", "7.2.4\r\nvalkey_version:8.1.0")
                .is_ok_and(|facts| facts.version == "valkey 8.1.0")
        );
    }
}

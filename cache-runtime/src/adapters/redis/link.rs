//! The connection: multiplexed, and replaced when it is lost.

use std::sync::{Mutex, MutexGuard, PoisonError};

use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use redis::{Client, Pipeline, RedisError, RedisResult, Value};

/// A connection that survives the server.
///
/// The manager connects anew when the connection is dropped. It keeps an
/// attempt that failed otherwise for good (a refused password, a full server),
/// and a connection that went silent until the kernel gives up on it; so those are
/// replaced here.
pub(super) struct Link {
    client: Client,
    config: ConnectionManagerConfig,
    current: Mutex<Current>,
}

struct Current {
    /// Counts replacements, so that of many callers one replaces.
    generation: u64,
    manager: ConnectionManager,
}

impl Link {
    /// Connects.
    pub(super) async fn connect(
        client: Client,
        config: ConnectionManagerConfig,
    ) -> RedisResult<Self> {
        let manager = ConnectionManager::new_with_config(client.clone(), config.clone()).await?;
        Ok(Self { client, config, current: Mutex::new(Current { generation: 0, manager }) })
    }

    /// Sends commands in one round trip. An error is one of the connection;
    /// what the server refused is among the answers.
    pub(super) async fn send(&self, commands: &Pipeline) -> RedisResult<Vec<Value>> {
        let result = self.send_once(commands).await;
        match &result {
            // Nothing was sent, so it may be sent again. Whatever may have reached
            // the server is not: a late duplicate of a lease, executed after an
            // invalidation, would let an old value in (anomaly 1).
            Err(error) if error.is_connection_refusal() => self.send_once(commands).await,
            _ => result,
        }
    }

    async fn send_once(&self, commands: &Pipeline) -> RedisResult<Vec<Value>> {
        let (generation, mut manager) = {
            let current = self.current();
            (current.generation, current.manager.clone())
        };
        let result = manager.req_packed_commands(commands, 0, commands.len()).await;
        if let Err(error) = &result {
            self.renew(generation, error);
        }
        result
    }

    fn renew(&self, generation: u64, error: &RedisError) {
        if error.is_connection_dropped() && !error.is_connection_refusal() {
            // The manager connects by itself.
            return;
        }
        let mut current = self.current();
        if current.generation == generation {
            let config = self.config.clone();
            if let Ok(manager) =
                ConnectionManager::new_lazy_with_config(self.client.clone(), config)
            {
                *current = Current { generation: generation.wrapping_add(1), manager };
            }
        }
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

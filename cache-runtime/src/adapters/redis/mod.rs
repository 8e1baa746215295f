//! A store on a Redis server: what every process shares.

mod checks;
mod declared;
mod inspect;
mod keys;
mod link;
#[cfg(feature = "events")]
mod replies;
mod scripts;
mod store;
#[cfg(feature = "events")]
pub(crate) mod streams;
mod tables;

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use rand::random;
use redis::aio::ConnectionManagerConfig;
use redis::{
    Client, Cmd, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, Pipeline, RedisError, Value,
};

use self::link::Link;
use self::scripts::Script;
use crate::ports::store::{Fence, Fill, Lease, Lift, Payload, Put, Store, StoreFacts};
use crate::values::error::{Error, ErrorKind, Result};
use crate::values::key::{EntryKey, KeyWriter};
use crate::values::token::Token;

/// The correct form of a URL, for errors.
const FORM: &str = "`redis://[user:password@]host[:port][/database]`, or `rediss://..` for TLS";
/// What an ACL user has to be allowed.
const RIGHTS: &str = "~{* +info +script|load +evalsha +get +mget +set +del +hgetall +hset +hdel +pttl +pexpire +time";
/// Commands that may wait to be written before their callers do.
const QUEUE: usize = 1024;

/// Keeps entries on one Redis 6.2 or later, or Valkey, shared by all processes.
///
/// It needs a primary that is not in cluster mode. An ACL user needs `~{* +info
/// +script|load +evalsha +get +mget +set +del +hgetall +hset +hdel +pttl +pexpire
/// +time`. One multiplexed connection carries everything and is made anew
/// when it is lost.
///
/// What it keeps is as consistent as the server: a failover may bring back what
/// was removed, an evicting server may drop entries early. Both are among the
/// facts that [`start`](Store::start) gives.
///
/// ```
/// use std::time::Duration;
/// use cache_runtime::Redis;
///
/// let store = Redis::url("redis://app:secret@cache.internal:6379/0")?
///     .connect_timeout(Duration::from_millis(300))
///     .response_timeout(Duration::from_millis(100));
/// # Ok::<(), cache_runtime::Error>(())
/// ```
pub struct Redis {
    server: ConnectionInfo,
    /// Host and port, for errors: never the password.
    address: String,
    connect_timeout: Duration,
    response_timeout: Duration,
    link: OnceLock<Link>,
}

impl Redis {
    /// Uses the server at `redis://[user:password@]host[:port][/database]`, or
    /// `rediss://..` for TLS, which needs the feature `redis-tls` and trusts the
    /// machine's certificates, or those in the file that `SSL_CERT_FILE` names.
    /// Special characters in user and password are percent-encoded. Connects when
    /// the cache is built.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the URL is not of that form.
    pub fn url(url: &str) -> Result<Self> {
        let wrong = |what: &str| Error::new(ErrorKind::Configuration, what);
        let tls = url.starts_with("rediss:") || url.starts_with("valkeys:");
        if tls && !cfg!(feature = "redis-tls") {
            return Err(wrong(
                "a rediss:// URL asks for TLS; turn on the feature `redis-tls` of cache-runtime",
            ));
        }
        let server = url.into_connection_info().map_err(|source| {
            wrong(&format!("the Redis URL cannot be used; the correct form is {FORM}"))
                .with_source(source)
        })?;
        let address = match server.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                format!("{host}:{port}")
            }
            other => other.to_string(),
        };
        Ok(Self {
            server,
            address,
            connect_timeout: Duration::from_secs(1),
            response_timeout: Duration::from_millis(500),
            link: OnceLock::new(),
        })
    }

    /// Gives up connecting after this long. Default 1 s.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Gives up waiting for an answer after this long. Default 500 ms.
    #[must_use]
    pub fn response_timeout(mut self, timeout: Duration) -> Self {
        self.response_timeout = timeout;
        self
    }

    async fn connect(&self) -> Result<Link> {
        // No retries: while the server is away a caller is better served by the
        // database, and the next call tries again.
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(0)
            .set_connection_timeout(Some(self.connect_timeout))
            .set_response_timeout(Some(self.response_timeout))
            .set_pipeline_buffer_size(QUEUE);
        #[cfg(feature = "redis-tls")]
        settle_cryptography();
        let connecting = async { Link::connect(Client::open(self.server.clone())?, config).await };
        connecting.await.map_err(|source: RedisError| {
            if source.kind() == redis::ErrorKind::AuthenticationFailed {
                Error::new(
                    ErrorKind::Configuration,
                    format!(
                        "Redis at {} refused the user or the password; check both in the URL, \
                         percent-encoded where they hold special characters",
                        self.address
                    ),
                )
                .with_source(source)
            } else {
                self.away(source)
            }
        })
    }

    /// The server did not answer.
    fn away(&self, source: RedisError) -> Error {
        let advice = match self.server.addr() {
            ConnectionAddr::TcpTls { .. } => {
                "is it running, may this host connect to it, does that port speak TLS, and is its \
                 certificate among the trusted ones (`SSL_CERT_FILE` may name a file of them)"
            }
            _ => "is it running, and may this host connect to it",
        };
        let address = &self.address;
        Error::new(ErrorKind::Store, format!("Redis at {address} cannot be reached; {advice}"))
            .with_source(source)
    }

    /// The server answered that it will not.
    fn refused(&self, answer: &redis::ServerError) -> Error {
        let (kind, advice) = match answer.code() {
            code if code == "NOPERM" || lacks_right_in_script(answer) => {
                (ErrorKind::Configuration, format!("let the ACL user do `{RIGHTS}`"))
            }
            "NOAUTH" => (ErrorKind::Configuration, format!("put the password in the URL: {FORM}")),
            "READONLY" => (ErrorKind::Store, "point the URL at the primary".to_owned()),
            "OOM" => (
                ErrorKind::Store,
                "raise its maxmemory, or choose an evicting maxmemory-policy".to_owned(),
            ),
            "WRONGTYPE" => (
                ErrorKind::Store,
                "another application writes the cache's keys; give it another database".to_owned(),
            ),
            _ => (ErrorKind::Store, "see its log".to_owned()),
        };
        Error::new(kind, format!("Redis at {} refused: {answer}; {advice}", self.address))
    }

    fn unexpected(&self) -> Error {
        Error::new(
            ErrorKind::Store,
            format!(
                "Redis at {} gave an answer that no Redis gives; is a proxy in between that does \
                 not support scripts",
                self.address
            ),
        )
    }

    fn link(&self) -> Result<&Link> {
        self.link.get().ok_or_else(|| {
            Error::new(
                ErrorKind::Store,
                "the Redis store was used before it was started; `build()` starts it",
            )
        })
    }

    /// One round trip: as many answers as commands, or the first refusal.
    async fn ask(&self, link: &Link, commands: &Pipeline) -> Result<Vec<Value>> {
        let answers = link.send(commands).await.map_err(|source| self.away(source))?;
        self.none_refused(answers)
    }

    fn none_refused(&self, answers: Vec<Value>) -> Result<Vec<Value>> {
        match answers.iter().find_map(refusal) {
            Some(answer) => Err(self.refused(answer)),
            None => Ok(answers),
        }
    }

    /// Runs a script for each call, all in one round trip, and many in one command.
    async fn run(&self, script: &Script, calls: Vec<Call>) -> Result<Vec<Value>> {
        if calls.is_empty() {
            return Ok(Vec::new());
        }
        let link = self.link()?;
        let parts: Vec<&[Call]> = calls.chunks(CALLS).collect();
        let mut commands = Pipeline::with_capacity(parts.len());
        for part in &parts {
            commands.add_command(command(script, part));
        }
        let mut answers = link.send(&commands).await.map_err(|source| self.away(source))?;
        // The server has forgotten the script: it was restarted or flushed. Only the
        // commands that did not run are sent again, once.
        let missed: Vec<usize> =
            (0..answers.len()).filter(|place| is_unknown_script(&answers[*place])).collect();
        if !missed.is_empty() {
            let mut again = Pipeline::with_capacity(missed.len() + 1);
            again.add_command(load(script));
            for place in &missed {
                again.add_command(command(script, parts[*place]));
            }
            let later = self.ask(link, &again).await?;
            for (place, answer) in missed.into_iter().zip(later.into_iter().skip(1)) {
                answers[place] = answer;
            }
        }
        let mut each = Vec::with_capacity(calls.len());
        for answer in self.none_refused(answers)? {
            match answer {
                Value::Array(answers) => each.extend(answers),
                _ => return Err(self.unexpected()),
            }
        }
        if each.len() != calls.len() {
            return Err(self.unexpected());
        }
        self.none_refused(each)
    }

    async fn started(&self) -> Result<StoreFacts> {
        let link = match self.link.get() {
            Some(link) => link,
            None => {
                let link = self.connect().await?;
                self.link.get_or_init(|| link)
            }
        };
        let mut commands = Pipeline::new();
        for section in ["server", "replication", "memory"] {
            commands.cmd("INFO").arg(section);
        }
        let mut info = String::new();
        for answer in self.ask(link, &commands).await? {
            info += &redis::from_redis_value::<String>(answer).map_err(|_| self.unexpected())?;
        }
        let facts = checks::facts(&self.address, &info)?;

        let mut commands = Pipeline::new();
        for script in scripts::current().all() {
            commands.add_command(load(script));
        }
        self.ask(link, &commands).await?;
        self.rehearse().await?;
        Ok(facts)
    }

    /// Does everything once with an entry of its own, so that a missing right
    /// shows now and not as a cache that never hits. Any other refusal (a full
    /// server, say) may pass, and is no reason not to start.
    async fn rehearse(&self) -> Result<()> {
        let token = Token(random());
        let mut name = KeyWriter::default();
        name.part(b'?', &token.0.to_le_bytes());
        let key = EntryKey::from_writer(name);
        let second = Duration::from_secs(1);
        let (expiry, force, fingerprint) = (second, false, 0);
        let lease = Lease { key: key.clone(), token, expiry, force, fingerprint };
        let payload = Payload::Bytes(Bytes::new());
        let fill =
            Fill { key: key.clone(), token, payload: payload.clone(), version: None, life: second };
        let fence = Fence { key: key.clone(), token, expiry: second };
        let put = Some(Put { payload, version: None, life: second });
        let lift = Lift { key: key.clone(), token, put };
        let keys = [key.clone(), key.clone()];
        let rehearsal = async {
            self.lease(&[lease]).await?;
            self.fill(vec![fill]).await?;
            self.release(&[(key.clone(), token)]).await?;
            self.get(&keys[..1]).await?;
            self.get(&keys).await?;
            self.fence(&[fence]).await?;
            self.renew(&[(key, token)], second).await?;
            self.lift(vec![lift]).await?;
            self.invalidate(&keys[..1]).await
        };
        match rehearsal.await {
            Err(error) if error.kind() == ErrorKind::Configuration => Err(error),
            Err(error) => {
                tracing::warn!(%error, "Redis is up but refuses to keep entries at the moment");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("address", &self.address).finish_non_exhaustive()
    }
}

/// rustls panics at the first connection unless one implementation was chosen
/// for the process. The application's choice comes first.
#[cfg(feature = "redis-tls")]
fn settle_cryptography() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // An error means that somebody else chose meanwhile.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

/// How many calls one command runs: no other client is served meanwhile.
const CALLS: usize = 64;

/// One run of a script.
struct Call {
    keys: Vec<Vec<u8>>,
    arguments: Vec<Bytes>,
}

impl Call {
    /// On one entry.
    fn on(key: &EntryKey, arguments: Vec<Bytes>) -> Self {
        let mut keys = vec![keys::value(key), keys::lease(key), keys::fences(key)];
        keys.extend(keys::era(key));
        keys.extend(keys::table_fences(key));
        Self { keys, arguments }
    }
}

/// The script for these calls, as `each.lua` takes them.
fn command(script: &Script, calls: &[Call]) -> Cmd {
    let mut command = redis::cmd("EVALSHA");
    command.arg(&script.sha).arg(calls.iter().map(|call| call.keys.len()).sum::<usize>());
    for key in calls.iter().flat_map(|call| &call.keys) {
        command.arg(&key[..]);
    }
    command.arg(calls.len());
    for Call { keys, arguments } in calls {
        command.arg(keys.len()).arg(arguments.len());
        for argument in arguments {
            command.arg(&argument[..]);
        }
    }
    command
}

fn load(script: &Script) -> Cmd {
    let mut command = redis::cmd("SCRIPT");
    command.arg("LOAD").arg(&script.text);
    command
}

fn refusal(answer: &Value) -> Option<&redis::ServerError> {
    match answer {
        Value::ServerError(error) => Some(error),
        _ => None,
    }
}

/// Inside a script a missing right has no code of its own, only words, which
/// changed with version 7.2.
fn lacks_right_in_script(answer: &redis::ServerError) -> bool {
    let said = answer.details().unwrap_or_default();
    ["The user executing the script", "ACL failure in script"]
        .iter()
        .any(|words| said.contains(words))
}

fn is_unknown_script(answer: &Value) -> bool {
    refusal(answer).is_some_and(|error| error.code() == "NOSCRIPT")
}

//! A store under test, with short words for its operations.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::ports::{
    Fence, Fill, Filled, Form, Lease, Leased, Lift, Payload, Put, Store, Tokens,
};
use cache_runtime::testing::ManualClock;
use cache_runtime::{EntryKey, InProcess, KeyWriter, RandomTokens, Redis, Token};

/// Long enough not to matter.
pub const LONG: Duration = Duration::from_secs(60);

/// A store, and how time passes for it.
pub struct Subject {
    pub store: Arc<dyn Store>,
    clock: Option<Arc<ManualClock>>,
    tokens: RandomTokens,
}

impl Subject {
    pub async fn in_process() -> Self {
        let clock = Arc::new(ManualClock::default());
        let store = Arc::new(InProcess::new().with_clock(clock.clone()));
        Self::start(store, Some(clock)).await
    }

    pub async fn redis() -> Self {
        let url = std::env::var("TEST_REDIS_URL")
            .expect("TEST_REDIS_URL is not set: run this through tests/run");
        // Other tests keep the server busy; none of these is about timeouts.
        let store = Redis::url(&url).unwrap().response_timeout(Duration::from_secs(10));
        Self::start(Arc::new(store), None).await
    }

    async fn start(store: Arc<dyn Store>, clock: Option<Arc<ManualClock>>) -> Self {
        store.start().await.expect("the store is fit for use");
        Self { store, clock, tokens: RandomTokens::default() }
    }

    /// Lets this much time pass.
    pub async fn pass(&self, time: Duration) {
        match &self.clock {
            Some(clock) => clock.advance(time),
            None => tokio::time::sleep(time).await,
        }
    }

    /// A key that no other test uses.
    pub fn key(&self) -> EntryKey {
        self.key_of(b"")
    }

    /// A key that ends in a part with these bytes.
    pub fn key_of(&self, bytes: &[u8]) -> EntryKey {
        let mut writer = KeyWriter::default();
        writer.text("conformance");
        writer.bytes(&self.token().0.to_le_bytes());
        writer.bytes(bytes);
        EntryKey::from_writer(writer)
    }

    pub fn token(&self) -> Token {
        self.tokens.token()
    }

    /// The text as this store wants it.
    pub fn payload(&self, text: &str) -> Payload {
        match self.store.form() {
            Form::Shared => Payload::Shared(Arc::new(text.to_owned())),
            _ => Payload::Bytes(text.to_owned().into()),
        }
    }

    pub fn a_lease(&self, key: &EntryKey, token: Token) -> Lease {
        Lease { key: key.clone(), token, expiry: LONG, force: false, fingerprint: 0 }
    }

    pub fn a_fill(&self, key: &EntryKey, token: Token, text: &str) -> Fill {
        Fill { key: key.clone(), token, payload: self.payload(text), version: None, life: LONG }
    }

    pub async fn lease(&self, key: &EntryKey, token: Token) -> Answer {
        self.lease_as(self.a_lease(key, token)).await
    }

    pub async fn force(&self, key: &EntryKey, token: Token) -> Answer {
        self.lease_as(Lease { force: true, ..self.a_lease(key, token) }).await
    }

    pub async fn lease_as(&self, lease: Lease) -> Answer {
        let [answer] = &self.store.lease(&[lease]).await.unwrap()[..] else {
            panic!("one lease has one answer");
        };
        answer.into()
    }

    /// Whether a caller without a claim gets the lease; it is given back.
    pub async fn is_free(&self, key: &EntryKey) -> bool {
        let token = self.token();
        let free = matches!(self.lease(key, token).await, Answer::Granted(_));
        self.release(key, token).await;
        free
    }

    pub async fn fill(&self, key: &EntryKey, token: Token, text: &str) -> Filled {
        self.fill_as(self.a_fill(key, token, text)).await
    }

    pub async fn fill_as(&self, fill: Fill) -> Filled {
        let [filled] = self.store.fill(vec![fill]).await.unwrap()[..] else {
            panic!("one fill has one answer");
        };
        filled
    }

    /// Leases and fills.
    pub async fn put(&self, key: &EntryKey, text: &str) {
        let token = self.token();
        assert!(matches!(self.force(key, token).await, Answer::Granted(_)));
        assert_eq!(self.fill(key, token, text).await, Filled::Accepted);
    }

    pub async fn get(&self, key: &EntryKey) -> Option<String> {
        let answers = self.store.get(std::slice::from_ref(key)).await.unwrap();
        let [answer] = &answers[..] else { panic!("one key has one answer") };
        let answer = answer.as_ref().map(text);
        if let Some(peeked) = self.store.peek(key) {
            assert_eq!(peeked.as_ref().map(text), answer, "peek and get agree");
        }
        answer
    }

    pub async fn release(&self, key: &EntryKey, token: Token) {
        self.store.release(&[(key.clone(), token)]).await.unwrap();
    }

    pub async fn fence(&self, key: &EntryKey, token: Token) {
        self.fence_for(key, token, LONG).await;
    }

    pub async fn fence_for(&self, key: &EntryKey, token: Token, expiry: Duration) {
        self.store.fence(&[Fence { key: key.clone(), token, expiry }]).await.unwrap();
    }

    pub async fn renew(&self, key: &EntryKey, token: Token, expiry: Duration) -> bool {
        self.store.renew(&[(key.clone(), token)], expiry).await.unwrap()[0]
    }

    /// Lifts a fence and puts the text; whether it was put.
    pub async fn lift(&self, key: &EntryKey, token: Token, text: &str) -> bool {
        self.lift_for(key, token, text, LONG).await
    }

    pub async fn lift_for(&self, key: &EntryKey, token: Token, text: &str, life: Duration) -> bool {
        let put = Some(Put { payload: self.payload(text), version: None, life });
        self.store.lift(vec![Lift { key: key.clone(), token, put }]).await.unwrap()[0]
    }

    /// Lifts a fence with nothing to put.
    pub async fn lift_empty(&self, key: &EntryKey, token: Token) {
        let lift = Lift { key: key.clone(), token, put: None };
        assert!(!self.store.lift(vec![lift]).await.unwrap()[0]);
    }

    /// A key in a table that no other test uses, and another in the same.
    pub fn keys_in_a_table(&self) -> (EntryKey, EntryKey) {
        let mut table = KeyWriter::default();
        table.text("conformance");
        table.bytes(&self.token().0.to_le_bytes());
        let key = |name| {
            let mut writer = table.clone();
            writer.text(name);
            EntryKey::in_table(writer, table.as_bytes().len())
        };
        (key("one"), key("two"))
    }

    /// One more key in the table of this one.
    pub fn key_beside(&self, key: &EntryKey, number: i128) -> EntryKey {
        let table = key.table().expect("a key in a table");
        let mut writer = KeyWriter::after(table);
        writer.integer(number);
        EntryKey::in_table(writer, table.len())
    }

    pub async fn invalidate(&self, key: &EntryKey) {
        self.store.invalidate(std::slice::from_ref(key)).await.unwrap();
    }
}

/// The text in a payload.
pub fn text(payload: &Payload) -> String {
    match payload {
        Payload::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        Payload::Shared(shared) => shared.downcast_ref::<String>().unwrap().clone(),
    }
}

/// A [`Leased`] that can be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Hit(String),
    Granted(u64),
    Held,
    Bypass,
}

impl Answer {
    pub fn granted(&self) -> bool {
        matches!(self, Self::Granted(_))
    }
}

impl From<&Leased> for Answer {
    fn from(leased: &Leased) -> Self {
        match leased {
            Leased::Hit(payload) => Self::Hit(text(payload)),
            Leased::Granted(at) => Self::Granted(*at),
            Leased::Held => Self::Held,
            Leased::Bypass => Self::Bypass,
        }
    }
}

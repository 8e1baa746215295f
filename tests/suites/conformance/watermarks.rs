//! Watermarks of a table's buckets, under which alone its values count.

use std::time::Duration;

use cache_runtime::ports::{Filled, Mark, Turn};
use cache_runtime::{EntryKey, Token};

use crate::subject::{Answer, Subject};

const MS: Duration = Duration::from_millis(1);

/// Two keys of one table that are in one bucket, and one of the same that is in another.
fn keys(subject: &Subject) -> (EntryKey, EntryKey, EntryKey) {
    let one = subject.keys_in_a_table().0.under_watermark();
    let bucket = |key: &EntryKey| key.bucket(EntryKey::BUCKETS);
    let mut others = (0..).map(|number| subject.key_beside(&one, number).under_watermark());
    let two = others.by_ref().find(|key| bucket(key) == bucket(&one)).unwrap();
    let elsewhere = others.find(|key| bucket(key) != bucket(&one)).unwrap();
    (one, two, elsewhere)
}

/// What a relay says of a key's bucket.
struct Relay<'s> {
    subject: &'s Subject,
    table: EntryKey,
    bucket: u32,
}

impl<'s> Relay<'s> {
    fn of(subject: &'s Subject, key: &EntryKey) -> Self {
        let (table, bucket) = (key.whole_table().unwrap(), key.bucket(EntryKey::BUCKETS));
        Self { subject, table, bucket }
    }

    async fn mark(&self, seen: Token, turn: Option<Turn>, life: Duration) -> bool {
        let time = self.subject.store.time().await.unwrap();
        let deadline = time + u64::try_from(life.as_micros()).unwrap();
        let (table, bucket) = (self.table.clone(), self.bucket);
        let mark = Mark { table, bucket, seen, turn, deadline };
        self.subject.store.mark(&[mark]).await.unwrap()[0]
    }

    /// Sets the watermark; gives its name.
    async fn set(&self, seen: Token, entries: Option<Vec<EntryKey>>, life: Duration) -> Token {
        let (name, era) = (self.subject.token(), self.subject.token());
        assert!(self.mark(seen, Some(Turn { name, era, entries }), life).await);
        name
    }
}

const SOON: Duration = Duration::from_millis(1500);
const LATER: Duration = Duration::from_secs(60);

pub async fn without_a_watermark_nothing_is_given_or_taken(subject: &Subject) {
    let (one, two, elsewhere) = keys(subject);
    assert_eq!(subject.lease(&one, subject.token()).await, Answer::Bypass);
    assert_eq!(subject.force(&one, subject.token()).await, Answer::Bypass);
    let fence = subject.token();
    subject.fence(&two, fence).await;
    assert!(!subject.lift(&two, fence, "v").await, "nobody could take it");
    let relay = Relay::of(subject, &one);
    relay.set(Token(0), Some(Vec::new()), LATER).await;
    subject.put(&one, "v").await;
    assert_eq!(subject.get(&one).await.as_deref(), Some("v"));
    assert_eq!(subject.lease(&elsewhere, subject.token()).await, Answer::Bypass, "its has none");
}

pub async fn a_watermark_ends_unless_it_is_prolonged(subject: &Subject) {
    let (one, ..) = keys(subject);
    let relay = Relay::of(subject, &one);
    let name = relay.set(Token(0), Some(Vec::new()), SOON).await;
    subject.put(&one, "v").await;
    assert!(relay.mark(name, None, 2 * SOON).await);
    assert!(relay.mark(name, None, MS).await, "it stands, and a deadline goes back for nobody");
    subject.pass(SOON + 100 * MS).await;
    assert_eq!(subject.get(&one).await.as_deref(), Some("v"));
    subject.pass(SOON).await;
    assert_eq!(subject.get(&one).await, None);
    assert!(!relay.mark(name, None, SOON).await, "what has ended is not prolonged");
    relay.set(name, Some(Vec::new()), LATER).await;
    assert_eq!(subject.get(&one).await, None, "nor does what it covered come back");
}

pub async fn a_turn_removes_what_changed_and_leaves_the_rest(subject: &Subject) {
    let (one, two, _) = keys(subject);
    let relay = Relay::of(subject, &one);
    let name = relay.set(Token(0), Some(Vec::new()), LATER).await;
    subject.put(&two, "v").await;
    let (lease, fence) = (subject.token(), subject.token());
    assert!(subject.lease(&one, lease).await.granted());
    subject.fence(&one, fence).await;
    let next = relay.set(name, Some(vec![one.clone()]), LATER).await;
    assert_eq!(subject.fill(&one, lease, "old").await, Filled::LeaseLost);
    assert!(!subject.lift(&one, fence, "old").await, "anomaly 46: the fence is tainted");
    assert_eq!(subject.get(&two).await.as_deref(), Some("v"));
    assert!(relay.mark(next, None, LATER).await);
    assert!(!relay.mark(name, None, LATER).await, "it has another name now");
}

pub async fn a_watermark_of_another_name_covers_nothing(subject: &Subject) {
    let (one, two, _) = keys(subject);
    let relay = Relay::of(subject, &one);
    let name = relay.set(Token(0), Some(Vec::new()), LATER).await;
    subject.put(&one, "v").await;
    let lease = subject.token();
    assert!(subject.lease(&two, lease).await.granted());
    let next = relay.set(subject.token(), Some(Vec::new()), LATER).await;
    assert_ne!(name, next);
    assert_eq!(subject.get(&one).await, None, "the store was behind, or had been emptied");
    assert_eq!(subject.fill(&two, lease, "old").await, Filled::LeaseLost);
    subject.put(&one, "v2").await;
    relay.set(next, None, LATER).await;
    assert_eq!(subject.get(&one).await, None, "all of it is void");
}

pub async fn a_table_is_invalidated_under_its_watermarks(subject: &Subject) {
    let (one, ..) = keys(subject);
    let (table, relay) = (one.whole_table().unwrap(), Relay::of(subject, &one));
    let name = relay.set(Token(0), Some(Vec::new()), LATER).await;
    subject.put(&one, "v").await;
    subject.invalidate(&table).await;
    assert_eq!(subject.get(&one).await, None);
    subject.put(&one, "v").await;
    let fence = subject.token();
    subject.fence(&table, fence).await;
    assert_eq!(subject.get(&one).await, None);
    assert_eq!(subject.lease(&one, subject.token()).await, Answer::Bypass);
    subject.lift_empty(&table, fence).await;
    assert!(relay.mark(name, None, LATER).await, "the watermark is the same");
    subject.put(&one, "v2").await;
    assert_eq!(subject.get(&one).await.as_deref(), Some("v2"));
}

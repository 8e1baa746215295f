//! What the services that share a server have declared.
//!
//! `{hhhh}d<table>` is a hash of one field a service, `until` in microseconds and then the text. A
//! service that has ended without a word is forgotten once its time is over.

use std::time::Duration;

use redis::{Pipeline, Value};

use super::store::millis;
use super::{Redis, keys};
use crate::ports::store::Store as _;
use crate::values::error::Result;
use crate::values::key::EntryKey;

impl Redis {
    pub(super) async fn declare_on(
        &self,
        table: &EntryKey,
        service: &str,
        text: &str,
        life: Duration,
    ) -> Result<Vec<(String, String)>> {
        let now = self.time().await?;
        let (key, life) = (keys::declared(table), millis(life).max(1));
        let mut commands = Pipeline::with_capacity(3);
        match text {
            "" => commands.cmd("HDEL").arg(&key).arg(service),
            _ => {
                let note = format!("{}\n{text}", now.saturating_add(life * 1000));
                commands.cmd("HSET").arg(&key).arg(service).arg(note)
            }
        };
        // The life of the youngest; the others end by what they say.
        commands.cmd("PEXPIRE").arg(&key).arg(life);
        commands.cmd("HGETALL").arg(&key);
        let all = self.ask(self.link()?, &commands).await?.pop().unwrap_or(Value::Nil);
        let all: Vec<(String, String)> =
            redis::from_redis_value(all).map_err(|_| self.unexpected())?;
        let living = |(service, note): (String, String)| {
            let (until, text) = note.split_once('\n')?;
            (until.parse::<u64>().ok()? > now).then(|| (service, text.to_owned()))
        };
        Ok(all.into_iter().filter_map(living).collect())
    }
}

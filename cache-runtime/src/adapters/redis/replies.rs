//! What Redis says of a stream and its groups, and whether entries were lost.

use std::collections::HashMap;

use redis::{ServerError, Value, from_redis_value};

/// The name of an entry: the server's time in milliseconds, and a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id(u64, u64);

impl Id {
    /// What is none comes before all others.
    pub(super) fn of(text: &str) -> Self {
        let (time, number) = text.split_once('-').unwrap_or((text, "0"));
        Self(time.parse().unwrap_or_default(), number.parse().unwrap_or_default())
    }

    pub(super) fn milliseconds(self) -> u64 {
        self.0
    }
}

/// XINFO STREAM.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Info {
    pub(super) length: u64,
    pub(super) added: u64,
    /// The first entry that is there.
    pub(super) first: Option<Id>,
    /// The last that ever was.
    pub(super) last: Id,
    /// The greatest that was deleted, otherwise than by trimming.
    pub(super) deleted: Id,
}

/// XINFO GROUPS, of one group.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Group {
    pub(super) delivered: Id,
    /// How many entries it has read of all that ever were, where the server knows.
    pub(super) read: Option<u64>,
}

/// Why entries that the group has not read are gone, if any are, but for those up to `void`.
pub(super) fn gap(info: &Info, group: &Group, void: Id) -> Option<&'static str> {
    let known = group.delivered.max(void);
    if info.deleted > known {
        return Some("entries were deleted that nobody had read");
    }
    let gone = info.added.saturating_sub(info.length);
    match info.first {
        None if info.last > known => Some("it was emptied of entries that nobody had read"),
        // Of those that are gone, it has read at most as many as it has read at all.
        Some(first) if first > known && gone > group.read.unwrap_or(0) => {
            Some("it was trimmed past what had been read")
        }
        _ => None,
    }
}

fn fields(value: Value) -> HashMap<String, Value> {
    from_redis_value(value).unwrap_or_default()
}

fn number(fields: &HashMap<String, Value>, name: &str) -> Option<u64> {
    fields.get(name).cloned().and_then(|value| from_redis_value(value).ok())
}

fn id(fields: &HashMap<String, Value>, name: &str) -> Option<Id> {
    let text: Option<String> = fields.get(name).cloned().and_then(|it| from_redis_value(it).ok());
    text.map(|text| Id::of(&text))
}

pub(super) fn info(value: Value) -> Option<Info> {
    let fields = fields(value);
    let first = match fields.get("first-entry") {
        Some(Value::Array(entry)) => entry.first().cloned(),
        _ => None,
    };
    let first = first.and_then(|id| from_redis_value::<String>(id).ok());
    Some(Info {
        length: number(&fields, "length")?,
        added: number(&fields, "entries-added")?,
        first: first.map(|id| Id::of(&id)),
        last: id(&fields, "last-generated-id")?,
        deleted: id(&fields, "max-deleted-entry-id")?,
    })
}

pub(super) fn group(groups: Value, name: &str) -> Option<Group> {
    let groups: Vec<Value> = from_redis_value(groups).ok()?;
    let mut groups = groups.into_iter().map(fields);
    let group = groups.find(|group| text(group, "name").as_deref() == Some(name))?;
    Some(Group {
        delivered: id(&group, "last-delivered-id")?,
        read: number(&group, "entries-read"),
    })
}

pub(super) fn consumers(value: Value) -> Vec<String> {
    let all: Vec<Value> = from_redis_value(value).unwrap_or_default();
    all.into_iter().filter_map(|one| text(&fields(one), "name")).collect()
}

fn text(fields: &HashMap<String, Value>, name: &str) -> Option<String> {
    fields.get(name).cloned().and_then(|value| from_redis_value(value).ok())
}

/// The entries of the one stream that XREADGROUP was asked for.
pub(super) fn of_one_stream(value: Value) -> Value {
    match value {
        Value::Array(mut streams) => match streams.pop() {
            Some(Value::Array(mut named)) => named.pop().unwrap_or(Value::Nil),
            _ => Value::Nil,
        },
        Value::Map(mut streams) => streams.pop().map_or(Value::Nil, |(_, entries)| entries),
        _ => Value::Nil,
    }
}

/// Entries, each with its fields; bytes that are no text are written as such.
pub(super) fn entries(value: Value) -> Vec<(String, HashMap<String, String>)> {
    let Value::Array(all) = value else { return Vec::new() };
    let entry = |value: Value| {
        let Value::Array(parts) = value else { return None };
        let [id, fields] = <[Value; 2]>::try_from(parts).ok()?;
        let fields: Vec<Vec<u8>> = from_redis_value(fields).unwrap_or_default();
        let pairs = fields.chunks_exact(2).map(|pair| (plain(&pair[0]), plain(&pair[1])));
        Some((from_redis_value(id).ok()?, pairs.collect()))
    };
    all.into_iter().filter_map(entry).collect()
}

fn plain(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.escape_ascii().to_string(),
    }
}

/// The refusals in an answer, at whatever depth.
pub(super) fn refusals(answer: &Value) -> Box<dyn Iterator<Item = &ServerError> + '_> {
    match answer {
        Value::ServerError(error) => Box::new(std::iter::once(error)),
        Value::Array(parts) => Box::new(parts.iter().flat_map(refusals)),
        _ => Box::new(std::iter::empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ordered_as_the_server_orders_them() {
        assert!(Id::of("9-1") < Id::of("10-0") && Id::of("10-2") < Id::of("10-10"));
        assert_eq!(Id::of("17"), Id::of("17-0"));
    }

    #[test]
    fn what_was_read_may_be_trimmed_and_what_was_not_is_a_gap() {
        let info =
            Info { length: 2, added: 5, first: Some(Id(4, 0)), last: Id(5, 0), ..Info::default() };
        let at = |delivered, read| Group { delivered: Id(delivered, 0), read };
        assert_eq!(gap(&info, &at(3, Some(3)), Id::default()), None, "1 to 3 were read");
        assert!(gap(&info, &at(2, Some(2)), Id::default()).is_some(), "3 was not");
        assert!(gap(&info, &at(2, None), Id::default()).is_some(), "nobody knows");
        assert_eq!(gap(&info, &at(2, Some(2)), Id(5, 0)), None, "that gap was closed");
        assert_eq!(gap(&info, &at(4, None), Id::default()), None);
        let fresh = Info { length: 5, first: Some(Id(1, 0)), ..info };
        assert_eq!(gap(&fresh, &at(0, None), Id::default()), None, "nothing is gone");
    }

    #[test]
    fn what_was_deleted_or_emptied_unread_is_a_gap() {
        let info = Info { added: 5, last: Id(5, 0), ..Info::default() };
        let at = |delivered| Group { delivered: Id(delivered, 0), read: Some(delivered) };
        assert!(gap(&info, &at(4), Id::default()).is_some());
        assert_eq!(gap(&info, &at(5), Id::default()), None);
        let deleted = Info { length: 4, first: Some(Id(1, 0)), deleted: Id(3, 0), ..info };
        assert!(gap(&deleted, &at(2), Id::default()).is_some());
        assert_eq!(gap(&deleted, &at(3), Id::default()), None);
    }
}

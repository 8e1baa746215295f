//! Which attributes there are, on structs and on fields: ours, where every
//! mistake is reported, and Diesel's, of which we read what we need and leave
//! the rest to Diesel. Attributes of other crates are not looked at.

use std::time::Duration;

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::{Attribute, LitStr, Path, Type};

use crate::ctxt::Ctxt;
use crate::items::{self, Form, Item};
use crate::values::{self, Named};

mod aggregate;
mod behind;
mod spec;
mod unknown;

pub(crate) use aggregate::AggregateSpec;
pub(crate) use behind::{Merge, OutboxSpec, Rule, TouchSpec};
pub(crate) use spec::{DependsSpec, ListSpec, UniqueSpec};

use unknown::unknown;

/// Every struct-level name with its correct form.
const ON_STRUCT: &[(&str, &str)] = &[
    ("pattern", "pattern = \"cache_aside\""),
    ("ttl", "ttl = \"10m\""),
    ("jitter", "jitter = \"10%\""),
    ("negative_ttl", "negative_ttl = \"30s\""),
    ("consistency", "consistency = \"eventual\""),
    ("version", "version = column"),
    ("on_write", "on_write = \"invalidate\""),
    ("unique", "unique(column)"),
    ("list", "list(column, order_by = created_at.desc(), limit = 100)"),
    ("insert", "insert = NewRow"),
    ("changeset", "changeset = RowChanges"),
    ("save", "save"),
    ("bulk", "bulk = 1000"),
    ("key", "key(column)"),
    ("tenant", "tenant = column"),
    ("merge", "merge(column = \"add\")"),
    ("outbox", "outbox(max_pending = 1000000, max_age = \"30s\")"),
    ("on_conflict", "on_conflict = \"reject\""),
    ("touch_on_read", "touch_on_read(column, every = \"1m\")"),
    ("read_only", "read_only"),
    ("depends_on", "depends_on(Other, via = column)"),
    ("aggregate", "aggregate(owner = \"team\", members(Member, Other))"),
    ("member_of", "member_of = Root"),
    ("by", "by = column"),
    ("expires_at", "expires_at = column"),
    ("volatile", "volatile(column)"),
    ("cache_version", "cache_version = 2"),
    ("backends", "backends(sqlite, postgres, mysql)"),
    ("crate", "crate = path::to::cache_runtime"),
];

/// Every field-level name with its correct form.
const ON_FIELD: &[(&str, &str)] = &[("with", "with = path::to::module")];

/// How to write the struct-level attribute called `name`.
pub(crate) fn form(name: &str) -> &'static str {
    let mut all = ON_STRUCT.iter().chain(ON_FIELD);
    all.find(|(known, _)| *known == name).map_or("", |(_, form)| form)
}

/// An attribute that may be given once.
pub(crate) struct Slot<T> {
    /// Where it was given, rightly or wrongly.
    pub(crate) at: Option<Ident>,
    /// Its value, if it was right.
    pub(crate) value: Option<T>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { at: None, value: None }
    }
}

impl<T> Slot<T> {
    /// Reads the item's value, unless it was given before.
    fn read(
        &mut self,
        ctxt: &Ctxt,
        item: &Item,
        value: impl FnOnce(&Ctxt, &Item, &str) -> Option<T>,
    ) {
        self.read_as(ctxt, item, form(&item.name.to_string()), value);
    }

    /// The same, for an item whose correct form is this.
    fn read_as(
        &mut self,
        ctxt: &Ctxt,
        item: &Item,
        form: &str,
        value: impl FnOnce(&Ctxt, &Item, &str) -> Option<T>,
    ) {
        if self.at.is_some() {
            ctxt.error(
                &item.name,
                format!("`{}` is given twice", item.name),
                format!("keep one `{form}`"),
            );
            return;
        }
        self.at = Some(item.name.clone());
        self.value = value(ctxt, item, form);
    }
}

/// The caching patterns of this release.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pattern {
    CacheAside,
    WriteThrough,
    WriteBehind,
}

/// What a reader may rely on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consistency {
    Eventual,
    Bounded(Duration),
    Fenced,
    Validated,
}

/// What a write does to the entry.
#[derive(Clone, Copy)]
pub(crate) enum OnWrite {
    Invalidate,
    Refresh,
}

/// The backends that the runtime can serve.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
    Mysql,
}

impl Backend {
    pub(crate) const ALL: [Self; 3] = [Self::Sqlite, Self::Postgres, Self::Mysql];
}

/// The attributes of a struct.
#[derive(Default)]
pub(crate) struct StructAttrs {
    /// What to point at if something is missing: the first `#[cached(..)]`.
    pub(crate) at: Option<TokenStream>,
    pub(crate) pattern: Slot<Pattern>,
    pub(crate) ttl: Slot<Duration>,
    pub(crate) jitter: Slot<u8>,
    pub(crate) negative_ttl: Slot<Duration>,
    pub(crate) consistency: Slot<Consistency>,
    pub(crate) version: Slot<Named>,
    pub(crate) on_write: Slot<OnWrite>,
    pub(crate) unique: Vec<UniqueSpec>,
    pub(crate) lists: Vec<ListSpec>,
    pub(crate) insert: Slot<Vec<Type>>,
    pub(crate) changeset: Slot<Vec<Type>>,
    pub(crate) save: Slot<()>,
    pub(crate) bulk: Slot<u32>,
    pub(crate) key: Slot<Vec<Named>>,
    pub(crate) tenant: Slot<Named>,
    pub(crate) merge: Slot<Vec<Merge>>,
    pub(crate) outbox: Slot<OutboxSpec>,
    /// Whether a write replaces what it has not seen.
    pub(crate) on_conflict: Slot<bool>,
    pub(crate) touch_on_read: Slot<TouchSpec>,
    pub(crate) read_only: Slot<()>,
    pub(crate) depends_on: Vec<DependsSpec>,
    pub(crate) aggregate: Slot<AggregateSpec>,
    pub(crate) member_of: Slot<Path>,
    /// The columns that hold the root's key.
    pub(crate) by: Slot<Vec<Named>>,
    pub(crate) expires_at: Slot<Named>,
    pub(crate) volatile: Slot<Vec<Named>>,
    pub(crate) cache_version: Slot<u32>,
    pub(crate) backends: Slot<Vec<Backend>>,
    pub(crate) krate: Slot<Path>,
    /// The names that unknown ones were probably meant to be.
    misspelt: Vec<&'static str>,
    /// All names given, known or not.
    said: Vec<Ident>,
    /// `#[diesel(table_name = ..)]`
    pub(crate) table: Option<Path>,
    /// `#[diesel(primary_key(..))]`
    pub(crate) primary_key: Option<Vec<Named>>,
    /// `#[diesel(check_for_backend(..))]`
    pub(crate) checked_backends: Option<Vec<Path>>,
}

impl StructAttrs {
    pub(crate) fn read(ctxt: &Ctxt, attrs: &[Attribute]) -> Self {
        let mut read = Self::default();
        for attr in attrs {
            if attr.path().is_ident("cached") {
                read.at.get_or_insert_with(|| attr.path().to_token_stream());
                for item in items::strict(ctxt, attr) {
                    read.cached(ctxt, &item);
                }
            } else if attr.path().is_ident("diesel") {
                for item in items::lenient(attr) {
                    read.diesel(&item);
                }
            }
        }
        read
    }

    /// Whether something that looks like `name` was given, and has been reported.
    pub(crate) fn is_misspelt(&self, name: &str) -> bool {
        self.misspelt.contains(&name)
    }

    /// What was said other than these.
    pub(crate) fn said_beside(&self, names: &[&str]) -> Vec<Ident> {
        let others = self.said.iter().filter(|said| !names.iter().any(|name| *said == name));
        others.cloned().collect()
    }

    fn cached(&mut self, ctxt: &Ctxt, item: &Item) {
        self.said.push(item.name.clone());
        match item.name.to_string().as_str() {
            "pattern" => self.pattern.read(ctxt, item, |ctxt, item, form| {
                let known = [
                    ("cache_aside", Pattern::CacheAside),
                    ("write_through", Pattern::WriteThrough),
                    ("write_behind", Pattern::WriteBehind),
                ];
                values::word(ctxt, item, form, &known, &[])
            }),
            "ttl" => self.ttl.read(ctxt, item, values::duration),
            "jitter" => self.jitter.read(ctxt, item, values::percent),
            "negative_ttl" => self.negative_ttl.read(ctxt, item, values::duration),
            "consistency" => self.consistency.read(ctxt, item, consistency),
            "version" => self.version.read(ctxt, item, values::named),
            "on_write" => self.on_write.read(ctxt, item, |ctxt, item, form| {
                let known = [("invalidate", OnWrite::Invalidate), ("refresh", OnWrite::Refresh)];
                values::word(ctxt, item, form, &known, &[])
            }),
            "unique" => self.unique.extend(UniqueSpec::read(ctxt, item, form("unique"))),
            "list" => self.lists.extend(ListSpec::read(ctxt, item, form("list"))),
            "insert" => self.insert.read(ctxt, item, values::types),
            "changeset" => self.changeset.read(ctxt, item, values::types),
            "bulk" => self.bulk.read(ctxt, item, values::integer),
            "save" => self.save.read(ctxt, item, values::flag),
            "key" => self.key.read(ctxt, item, values::names),
            "tenant" => self.tenant.read(ctxt, item, values::named),
            "merge" => self.merge.read(ctxt, item, behind::merge),
            "outbox" => self.outbox.read(ctxt, item, OutboxSpec::read),
            "on_conflict" => self.on_conflict.read(ctxt, item, |ctxt, item, form| {
                let known = [("reject", false), ("overwrite", true)];
                values::word(ctxt, item, form, &known, &[])
            }),
            "touch_on_read" => self.touch_on_read.read(ctxt, item, TouchSpec::read),
            "read_only" => self.read_only.read(ctxt, item, values::flag),
            "depends_on" => {
                self.depends_on.extend(DependsSpec::read(ctxt, item, form("depends_on")));
            }
            "aggregate" => self.aggregate.read(ctxt, item, AggregateSpec::read),
            "member_of" => self.member_of.read(ctxt, item, values::path),
            "by" => self.by.read(ctxt, item, aggregate::by),
            "expires_at" => self.expires_at.read(ctxt, item, values::named),
            "volatile" => self.volatile.read(ctxt, item, values::names),
            "cache_version" => self.cache_version.read(ctxt, item, values::integer),
            "backends" => self.backends.read(ctxt, item, backends),
            "crate" => self.krate.read(ctxt, item, values::path),
            _ => {
                self.misspelt
                    .extend(unknown(ctxt, item, "a struct", ON_STRUCT, "a field", ON_FIELD));
            }
        }
    }

    fn diesel(&mut self, item: &Item) {
        match (item.name.to_string().as_str(), &item.form) {
            ("table_name", Form::Value(tokens)) => self.table = path_or_text(tokens),
            ("primary_key", Form::List(tokens)) => self.primary_key = values::list(tokens),
            ("check_for_backend", Form::List(tokens)) => {
                self.checked_backends = values::list(tokens);
            }
            _ => {}
        }
    }
}

/// `#[diesel(select_expression = ..)]`
#[derive(Clone)]
pub(crate) struct Selected {
    pub(crate) at: Ident,
    /// If it is a column of a table.
    pub(crate) column: Option<Path>,
}

/// The attributes of a field.
#[derive(Default)]
pub(crate) struct FieldAttrs {
    pub(crate) with: Slot<Path>,
    /// `#[diesel(column_name = ..)]`
    pub(crate) column: Option<Ident>,
    /// `#[diesel(embed)]`
    pub(crate) embed: bool,
    /// `#[diesel(skip_insertion)]`
    pub(crate) skipped: Option<Ident>,
    pub(crate) selected: Option<Selected>,
}

impl FieldAttrs {
    pub(crate) fn read(ctxt: &Ctxt, attrs: &[Attribute]) -> Self {
        let mut read = Self::default();
        for attr in attrs {
            if attr.path().is_ident("cached") {
                for item in items::strict(ctxt, attr) {
                    if item.name == "with" {
                        read.with.read(ctxt, &item, values::path);
                    } else {
                        unknown(ctxt, &item, "a field", ON_FIELD, "the struct", ON_STRUCT);
                    }
                }
            } else if attr.path().is_ident("diesel") {
                for item in items::lenient(attr) {
                    read.diesel(&item);
                }
            }
        }
        read
    }

    fn diesel(&mut self, item: &Item) {
        match (item.name.to_string().as_str(), &item.form) {
            ("column_name", Form::Value(tokens)) => {
                self.column = path_or_text(tokens).and_then(|path| path.get_ident().cloned());
            }
            ("embed", _) => self.embed = true,
            ("skip_insertion", _) => self.skipped = Some(item.name.clone()),
            ("select_expression", form) => {
                let column = match form {
                    Form::Value(tokens) => path_or_text(tokens),
                    Form::Word | Form::List(_) => None,
                };
                let column = column.filter(|path| path.segments.len() > 1);
                self.selected = Some(Selected { at: item.name.clone(), column });
            }
            _ => {}
        }
    }
}

/// Diesel takes names with quotes and without.
fn path_or_text(tokens: &TokenStream) -> Option<Path> {
    if let Ok(text) = syn::parse2::<LitStr>(tokens.clone()) {
        return text.parse().ok();
    }
    syn::parse2(tokens.clone()).ok()
}

fn backends(ctxt: &Ctxt, item: &Item, form: &str) -> Option<Vec<Backend>> {
    let names: Vec<Ident> = values::names(ctxt, item, form)?;
    let mut all = Vec::new();
    for name in &names {
        let backend = match name.to_string().as_str() {
            "sqlite" => Backend::Sqlite,
            "postgres" => Backend::Postgres,
            "mysql" => Backend::Mysql,
            _ => {
                ctxt.error(
                    name,
                    format!("unknown backend `{name}`: expected `sqlite`, `postgres` or `mysql`"),
                    format!("write `{form}`"),
                );
                continue;
            }
        };
        if all.contains(&backend) {
            ctxt.error(name, format!("`{name}` is named twice"), "name each backend once");
        } else {
            all.push(backend);
        }
    }
    (!all.is_empty()).then_some(all)
}

/// The attributes of a `CacheKey`.
#[derive(Default)]
pub(crate) struct KeyAttrs {
    krate: Slot<Path>,
}

impl KeyAttrs {
    pub(crate) fn read(ctxt: &Ctxt, attrs: &[Attribute]) -> Self {
        let mut read = Self::default();
        for attr in attrs.iter().filter(|attr| attr.path().is_ident("cached")) {
            for item in items::strict(ctxt, attr) {
                if item.name == "crate" {
                    read.krate.read(ctxt, &item, values::path);
                } else {
                    let known = [("crate", form("crate"))];
                    unknown(ctxt, &item, "a `CacheKey`", &known, "a `Cached` model", ON_STRUCT);
                }
            }
        }
        read
    }

    /// The path of cache-runtime.
    pub(crate) fn krate(self) -> Path {
        self.krate.value.unwrap_or_else(|| syn::parse_quote!(::cache_runtime))
    }
}

/// A promise; `bounded` says how old a hit may be.
fn consistency(ctxt: &Ctxt, item: &Item, form: &str) -> Option<Consistency> {
    if let Some(bound) = values::bound(ctxt, item) {
        return bound.map(Consistency::Bounded);
    }
    let known = [
        ("eventual", Consistency::Eventual),
        ("bounded(5s)", Consistency::Bounded(Duration::from_secs(5))),
        ("strict(fenced)", Consistency::Fenced),
        ("strict(validated)", Consistency::Validated),
    ];
    values::word(ctxt, item, form, &known, &[])
}

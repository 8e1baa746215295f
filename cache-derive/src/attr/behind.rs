//! What is said of writing behind: `merge(..)`, `outbox(..)` and `touch_on_read(..)`.

use std::time::Duration;

use proc_macro2::Ident;
use syn::Path;

use super::Slot;
use crate::ctxt::Ctxt;
use crate::items::{self, Form, Item};
use crate::values;

/// How a column takes a delta. `last` where nothing is said.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    Last,
    Add,
    Max,
    Min,
}

/// One column of `merge(column = "add", ..)`.
#[derive(Clone)]
pub(crate) struct Merge {
    pub(crate) column: Ident,
    pub(crate) rule: Rule,
}

pub(super) fn merge(ctxt: &Ctxt, item: &Item, form: &str) -> Option<Vec<Merge>> {
    let Form::List(tokens) = &item.form else {
        ctxt.error(&item.name, "`merge` takes columns in parentheses", format!("write `{form}`"));
        return None;
    };
    let known = [("last", Rule::Last), ("add", Rule::Add), ("max", Rule::Max), ("min", Rule::Min)];
    let mut all = Vec::new();
    for (tokens, inner) in items::within(tokens) {
        let Some(inner) = inner else {
            ctxt.error(tokens, "expected `column = \"rule\"`", format!("write `{form}`"));
            return None;
        };
        let rule = values::word(ctxt, &inner, &format!("{} = \"add\"", inner.name), &known, &[])?;
        all.push(Merge { column: inner.name, rule });
    }
    Some(all)
}

/// `touch_on_read(column, every = "1m")`
#[derive(Clone)]
pub(crate) struct TouchSpec {
    pub(crate) column: Ident,
    pub(crate) every: Duration,
}

impl TouchSpec {
    pub(super) fn read(ctxt: &Ctxt, item: &Item, form: &str) -> Option<Self> {
        let Form::List(tokens) = &item.form else {
            let help = format!("write `{form}`");
            ctxt.error(&item.name, "`touch_on_read` takes a column in parentheses", help);
            return None;
        };
        let (mut column, mut every) = (None, Slot::<Duration>::default());
        for (tokens, inner) in items::within(tokens) {
            match inner {
                Some(inner) if inner.name == "every" => {
                    every.read_as(ctxt, &inner, "every = \"1m\"", values::duration);
                }
                Some(Item { name, form: Form::Word }) if column.is_none() => column = Some(name),
                _ => {
                    ctxt.error(tokens, "expected one column", format!("write `{form}`"));
                    return None;
                }
            }
        }
        if column.is_none() {
            ctxt.error(&item.name, "`touch_on_read` names no column", format!("write `{form}`"));
        }
        Some(Self { column: column?, every: every.value.unwrap_or(Duration::from_secs(60)) })
    }
}

/// `outbox(max_pending = 1000, ..)`
#[derive(Default)]
pub(crate) struct OutboxSpec {
    pub(crate) max_pending: Slot<u32>,
    pub(crate) max_age: Slot<Duration>,
    /// Whether a write waits for room.
    pub(crate) on_full: Slot<bool>,
    /// Whether a write is kept behind parked ones.
    pub(crate) on_parked: Slot<bool>,
    /// Whether a delta makes a row where there is none.
    pub(crate) on_missing: Slot<bool>,
    pub(crate) version: Slot<u32>,
    pub(crate) upgrade: Slot<Path>,
}

impl OutboxSpec {
    pub(super) fn read(ctxt: &Ctxt, item: &Item, form: &str) -> Option<Self> {
        let Form::List(tokens) = &item.form else {
            ctxt.error(
                &item.name,
                "`outbox` takes its limits in parentheses",
                format!("write `{form}`"),
            );
            return None;
        };
        let mut spec = Self::default();
        let full = [("refuse", false), ("wait", true)];
        let parked = [("refuse", false), ("queue", true)];
        let missing = [("park", false), ("insert", true)];
        for (tokens, inner) in items::within(tokens) {
            let Some(inner) = inner else {
                ctxt.error(tokens, "expected `name = value`", format!("write `{form}`"));
                continue;
            };
            match inner.name.to_string().as_str() {
                "max_pending" => {
                    spec.max_pending.read_as(ctxt, &inner, "max_pending = 1000000", values::integer)
                }
                "max_age" => {
                    spec.max_age.read_as(ctxt, &inner, "max_age = \"30s\"", values::duration);
                }
                "on_full" => spec.on_full.read_as(
                    ctxt,
                    &inner,
                    "on_full = \"refuse\"",
                    |ctxt, item, form| values::word(ctxt, item, form, &full, &[]),
                ),
                "on_parked" => spec.on_parked.read_as(
                    ctxt,
                    &inner,
                    "on_parked = \"refuse\"",
                    |ctxt, item, form| values::word(ctxt, item, form, &parked, &[]),
                ),
                "on_missing" => spec.on_missing.read_as(
                    ctxt,
                    &inner,
                    "on_missing = \"park\"",
                    |ctxt, item, form| values::word(ctxt, item, form, &missing, &[]),
                ),
                "version" => spec.version.read_as(ctxt, &inner, "version = 2", values::integer),
                "upgrade" => {
                    spec.upgrade.read_as(
                        ctxt,
                        &inner,
                        "upgrade = path::to::function",
                        values::path,
                    );
                }
                _ => ctxt.error(
                    &inner.name,
                    format!("`{}` is not known in `outbox(..)`", inner.name),
                    "it knows `max_pending`, `max_age`, `on_full`, `on_parked`, `on_missing`, \
                     `version` and `upgrade`",
                ),
            }
        }
        Some(spec)
    }
}

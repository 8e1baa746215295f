//! The rules of writing behind.

use quote::ToTokens as _;

use crate::attr::{Consistency, Pattern};
use crate::ctxt::Ctxt;
use crate::model::Model;

fn is_behind(model: &Model) -> bool {
    model.attrs.pattern.value == Some(Pattern::WriteBehind)
}

/// What a write changes beside its row would be older than what was acknowledged.
pub(super) fn stands_alone(ctxt: &Ctxt, model: &Model) {
    if !is_behind(model) {
        return;
    }
    let attrs = &model.attrs;
    let direct = [&attrs.insert.at, &attrs.changeset.at, &attrs.save.at, &attrs.on_write.at];
    for at in direct.into_iter().flatten() {
        ctxt.error(
            at,
            format!("this model is written behind, so `{at}` has nothing to say"),
            format!(
                "remove `{at}`; its rows are written by `enqueue`, `merge` and `enqueue_delete`"
            ),
        );
    }
    let lookups = model.lookups.iter().map(|lookup| lookup.at.to_token_stream());
    for at in lookups.chain(model.lists.iter().map(|list| list.at.to_token_stream())) {
        ctxt.error(
            at,
            "rows that are written behind are found by their key alone in this release",
            "remove the lookup or list, or write `pattern = \"write_through\"`",
        );
    }
    let together = [
        &attrs.read_only.at,
        &attrs.aggregate.at,
        &attrs.member_of.at,
        &attrs.expires_at.at,
        &attrs.volatile.at,
        &attrs.tenant.at,
    ];
    for at in together.into_iter().flatten() {
        ctxt.error(
            at,
            format!("`{at}` and writing behind do not go together in this release"),
            format!("remove `{at}`, or write `pattern = \"write_through\"`"),
        );
    }
    for (on, _) in &model.depends_on {
        ctxt.error(
            on,
            "a model that is written behind depends on no other",
            "remove `depends_on(..)`, or write `pattern = \"cache_aside\"`",
        );
    }
    if attrs.consistency.value == Some(Consistency::Validated) {
        ctxt.error(
            &attrs.consistency.at,
            "`strict(validated)` compares a hit with the row's version, which a pending write has \
             not counted yet",
            "write `consistency = \"strict(fenced)\"`, `\"bounded(5s)\"` or `\"eventual\"`",
        );
    }
}

/// Another program's write is seen by the row's version, and there it must be said what becomes of it.
pub(super) fn conflicts_are_seen_by_version(ctxt: &Ctxt, model: &Model) {
    if !is_behind(model) {
        return;
    }
    let (version, on_conflict) = (&model.attrs.version, &model.attrs.on_conflict);
    if version.at.is_none() && on_conflict.at.is_some() {
        ctxt.error(
            &on_conflict.at,
            "the write of another program is seen by the row's version, but the model declares none",
            "add a column of type BigInt to the table, which every program counts up that writes a row, \
             and `version = column`",
        );
    }
    if version.at.is_some() && on_conflict.at.is_none() {
        ctxt.error(
            &version.at,
            "a pending write may find its row at another version, and the model does not say what \
             becomes of it",
            "write `on_conflict = \"reject\"` or `on_conflict = \"overwrite\"`",
        );
    }
}

/// What is acknowledged before the database has seen it cannot hold what the database makes.
pub(super) fn rows_are_known_before_they_are_inserted(ctxt: &Ctxt, model: &Model) {
    if !is_behind(model) {
        return;
    }
    for field in model.own() {
        if let Some(at) = &field.skipped {
            ctxt.error(
                at,
                format!(
                    "`{}` is left to the database, but a row that is written behind is acknowledged \
                     before the database makes anything",
                    field.ident
                ),
                "give it a value in the application and remove `skip_insertion`, or write \
                 `pattern = \"write_through\"`",
            );
        }
        if field.embed {
            ctxt.error(
                &field.ident,
                "a row that is written behind has no embedded structs in this release",
                "name its columns as fields, or write `pattern = \"write_through\"`",
            );
        }
    }
}

/// `merge`, `outbox`, `on_conflict` and `touch_on_read` are of write-behind.
pub(super) fn says_nothing_elsewhere(ctxt: &Ctxt, model: &Model) {
    if is_behind(model) || model.attrs.pattern.value.is_none() {
        return;
    }
    let attrs = &model.attrs;
    let behind =
        [&attrs.merge.at, &attrs.outbox.at, &attrs.on_conflict.at, &attrs.touch_on_read.at];
    for at in behind.into_iter().flatten() {
        ctxt.error(
            at,
            format!("`{at}` has something to say only where rows are written behind"),
            format!("remove `{at}`, or write `pattern = \"write_behind\"`"),
        );
    }
}

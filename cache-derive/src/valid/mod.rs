//! The rules that span more than one attribute or field, one function each.

use std::collections::HashSet;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::Type;
use syn::ext::IdentExt;

use crate::attr::{Consistency, Pattern, form};
use crate::ctxt::Ctxt;
use crate::model::Model;

mod aggregates;
mod behind;
mod rows;

pub(crate) use aggregates::MAX_MEMBERS;

/// As many columns as Diesel's tuples and ours can have in a key.
const MAX_PARTS: usize = 6;

/// Applies every rule.
pub(crate) fn check(ctxt: &Ctxt, model: &Model) {
    strategy_is_explicit(ctxt, model);
    columns_are_distinct(ctxt, model);
    rows::embedded_fields_are_by_themselves(ctxt, model);
    rows::joined_fields_have_a_way(ctxt, model);
    rows::concealed_columns_are_looked_up_alone(ctxt, model);
    rows::read_only_reads(ctxt, model);
    rows::dependents_are_eventual(ctxt, model);
    rows::volatile_columns_lead_nowhere(ctxt, model);
    rows::lists_are_ordered(ctxt, model);
    aggregates::roots_are_written(ctxt, model);
    aggregates::members_are_distinct(ctxt, model);
    aggregates::members_find_their_root(ctxt, model);
    key_is_not_null(ctxt, model);
    parts_are_few_and_distinct(ctxt, model);
    lookups_are_distinct(ctxt, model);
    writes_are_owned(ctxt, model);
    writes_are_distinct(ctxt, model);
    validation_needs_a_version(ctxt, model);
    bounds_are_shorter_than_the_ttl(ctxt, model);
    version_is_a_number_of_its_own(ctxt, model);
    write_through_puts(ctxt, model);
    save_has_something_to_write(ctxt, model);
    behind::stands_alone(ctxt, model);
    behind::rows_are_known_before_they_are_inserted(ctxt, model);
    behind::conflicts_are_seen_by_version(ctxt, model);
    behind::says_nothing_elsewhere(ctxt, model);
}

/// `pattern` and `ttl` have no default: what may be stale, and for how long,
/// is for the author of the model to decide.
fn strategy_is_explicit(ctxt: &Ctxt, model: &Model) {
    // A member has what its root declares.
    if model.attrs.member_of.at.is_some() {
        return;
    }
    if model.attrs.pattern.at.is_none() && !model.attrs.is_misspelt("pattern") {
        ctxt.error(
            model.missing_at(),
            "`pattern` is missing: the caching strategy is an explicit decision",
            format!("write `#[cached({})]`", form("pattern")),
        );
    }
    if model.attrs.ttl.at.is_none() && !model.attrs.is_misspelt("ttl") {
        ctxt.error(
            model.missing_at(),
            "`ttl` is missing: say how old an entry may become",
            format!("write `#[cached({})]`", form("ttl")),
        );
    }
}

/// Two fields of one column would make the key and the lookups ambiguous.
fn columns_are_distinct(ctxt: &Ctxt, model: &Model) {
    let mut seen = HashSet::new();
    for field in model.own().iter().filter(|field| !field.embed && field.selected.is_none()) {
        if !seen.insert(field.column.unraw()) {
            ctxt.error(
                &field.column,
                format!("two fields have the column `{}`", field.column),
                "keep one of the fields",
            );
        }
    }
}

/// A primary key is never NULL, and NULL would name no entry.
fn key_is_not_null(ctxt: &Ctxt, model: &Model) {
    for field in model.at(&model.key).filter(|field| field.is_nullable()) {
        ctxt.error(
            &field.ty,
            format!("`{}` is part of the key, so it cannot be an `Option`", field.ident),
            format!("write `{}: {}`", field.ident, compact(field.not_null())),
        );
    }
}

/// Keys and lookups are tuples of up to six columns, each once.
fn parts_are_few_and_distinct(ctxt: &Ctxt, model: &Model) {
    let lookups = model.lookups.iter().map(|lookup| (&lookup.fields, &lookup.at));
    for (fields, at) in lookups.chain([(&model.key, &model.key_at)]) {
        if fields.len() > MAX_PARTS {
            ctxt.error(
                at,
                format!(
                    "{} columns are more than the {MAX_PARTS} that can be looked up by",
                    fields.len()
                ),
                "name fewer columns, or leave this model without caching",
            );
        }
        let distinct: HashSet<_> = fields.iter().collect();
        if distinct.len() < fields.len() {
            ctxt.error(at, "one column is named twice", "name each column once");
        }
    }
}

/// Each lookup is its own method, and another way to the row than its key.
fn lookups_are_distinct(ctxt: &Ctxt, model: &Model) {
    let mut seen = HashSet::new();
    for lookup in &model.lookups {
        if !seen.insert(&lookup.name) {
            ctxt.error(
                &lookup.at,
                format!("`{}` would be generated twice", lookup.method),
                "name each combination of unique columns once",
            );
        }
        if lookup.fields == model.key {
            ctxt.error(
                &lookup.at,
                "this is the model's key, which `find` looks up already",
                "remove this `unique(..)`",
            );
        }
    }
}

/// A write may outlive its caller, so it owns what it writes.
fn writes_are_owned(ctxt: &Ctxt, model: &Model) {
    for ty in writes(model) {
        if let Some(at) = lifetime(ty.to_token_stream()) {
            ctxt.error(
                at,
                format!(
                    "`{}` borrows, but a write may outlive its caller: it must be 'static",
                    compact(ty)
                ),
                "give it `String` or `Cow<'a, str>` where it has `&'a str`, and name it with \
                 `'static`, as in `NewRow<'static>`",
            );
        }
    }
}

/// A type named twice would be implemented twice.
fn writes_are_distinct(ctxt: &Ctxt, model: &Model) {
    for types in [&model.attrs.insert.value, &model.attrs.changeset.value].into_iter().flatten() {
        let mut seen = HashSet::new();
        for ty in types {
            if !seen.insert(compact(ty)) {
                ctxt.error(ty, format!("`{}` is named twice", compact(ty)), "name each type once");
            }
        }
    }
}

/// What the ttl promises anyway needs no outbox.
fn bounds_are_shorter_than_the_ttl(ctxt: &Ctxt, model: &Model) {
    let attrs = &model.attrs;
    if let (Some(Consistency::Bounded(bound)), Some(ttl)) =
        (attrs.consistency.value, attrs.ttl.value)
        && bound >= ttl
    {
        ctxt.error(
            &attrs.consistency.at,
            "the bound is not shorter than the ttl, which no hit outlives in any case",
            "write `consistency = \"eventual\"`, or a longer `ttl`",
        );
    }
}

/// What a hit is compared by.
fn validation_needs_a_version(ctxt: &Ctxt, model: &Model) {
    let attrs = &model.attrs;
    if attrs.consistency.value == Some(Consistency::Validated) && attrs.version.at.is_none() {
        ctxt.error(
            &attrs.consistency.at,
            "`strict(validated)` compares a hit's version with the row's, but the model declares \
             no version",
            format!("add a column of type BigInt to the table, and `{}`", form("version")),
        );
    }
}

/// It is counted on by every write, so it can be neither a part of the key nor absent.
fn version_is_a_number_of_its_own(ctxt: &Ctxt, model: &Model) {
    let Some(field) = model.version() else { return };
    let at = &model.attrs.version.value;
    if model.key.iter().any(|index| Some(*index) == model.version) {
        ctxt.error(
            at,
            "the version is part of the key, so it could never change",
            "name another column",
        );
    }
    if field.is_nullable() {
        ctxt.error(
            &field.ty,
            format!("`{}` is the version, so it cannot be an `Option`", field.ident),
            format!("write `{}: i64`, and make the column NOT NULL", field.ident),
        );
    }
}

/// A put leaves nothing for `on_write` to decide.
fn write_through_puts(ctxt: &Ctxt, model: &Model) {
    if matches!(model.attrs.pattern.value, Some(Pattern::WriteThrough))
        && model.attrs.on_write.at.is_some()
    {
        ctxt.error(
            &model.attrs.on_write.at,
            "write-through puts the row that a write left, so `on_write` has nothing to say",
            "remove `on_write`, or write `pattern = \"cache_aside\"`",
        );
    }
}

fn save_has_something_to_write(ctxt: &Ctxt, model: &Model) {
    if model.attrs.save.at.is_some() && !model.fields.is_empty() && model.saved().next().is_none() {
        ctxt.error(
            &model.attrs.save.at,
            "`save` would write nothing: every column is part of the key, the version or volatile",
            "remove `save`",
        );
    }
}

/// All insert structs and changesets.
fn writes(model: &Model) -> impl Iterator<Item = &Type> {
    [&model.attrs.insert.value, &model.attrs.changeset.value].into_iter().flatten().flatten()
}

/// The first lifetime or reference in a type, other than `'static`.
pub(crate) fn lifetime(tokens: TokenStream) -> Option<TokenStream> {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Group(group) => {
                if let Some(found) = lifetime(group.stream()) {
                    return Some(found);
                }
            }
            TokenTree::Punct(punct) if punct.as_char() == '\'' => match tokens.next() {
                Some(TokenTree::Ident(name)) if name != "static" => {
                    return Some(
                        [TokenTree::Punct(punct), TokenTree::Ident(name)].into_iter().collect(),
                    );
                }
                _ => {}
            },
            // `&'static T` is what its lifetime says; a plain `&T` has none to be told by.
            TokenTree::Punct(punct) if punct.as_char() == '&' => match tokens.peek() {
                Some(TokenTree::Punct(next)) if next.as_char() == '\'' => {}
                _ => return Some(TokenTree::Punct(punct).into()),
            },
            _ => {}
        }
    }
    None
}

/// A type in one line, without spaces.
fn compact(ty: &Type) -> String {
    crate::fingerprint::compact(ty.to_token_stream())
}

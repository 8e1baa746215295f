//! The rules of aggregates that one model shows. What two models show together is asserted in the
//! expansion, and what a cache has is checked when it is built.

use std::collections::HashSet;

use quote::ToTokens;

use crate::attr::{Consistency, form};
use crate::ctxt::Ctxt;
use crate::fingerprint::compact;
use crate::model::{Model, repeats};

/// As many members as the runtime has tuples for.
pub(crate) const MAX_MEMBERS: usize = 8;

/// A root is written through itself, and keeps its promise by what its writes say.
pub(super) fn roots_are_written(ctxt: &Ctxt, model: &Model) {
    let attrs = &model.attrs;
    if attrs.aggregate.at.is_none() {
        return;
    }
    if attrs.read_only.at.is_some() {
        ctxt.error(
            &attrs.aggregate.at,
            "a `read_only` model is written through another, so it is the root of nothing",
            "make the model that writes the table the root",
        );
    }
    if attrs.consistency.value == Some(Consistency::Validated) {
        ctxt.error(
            &attrs.consistency.at,
            "`strict(validated)` compares a hit with the root's version, which a write of a member \
             does not count up",
            "write `consistency = \"strict(fenced)\"`, under which such a write fences the \
             aggregate",
        );
    }
}

/// Each member is another model, once.
pub(super) fn members_are_distinct(ctxt: &Ctxt, model: &Model) {
    let Some(spec) = &model.attrs.aggregate.value else { return };
    let mut seen = HashSet::new();
    for member in &spec.members {
        if member.is_ident(&model.ident) {
            ctxt.error(
                member,
                "a model cannot be its own member",
                "name the models of the tables whose rows belong to a row of this one",
            );
        }
        if !seen.insert(compact(member.to_token_stream())) {
            ctxt.error(member, "one model is named twice", "name each member once");
        }
    }
    if spec.members.len() > MAX_MEMBERS {
        ctxt.error(
            &model.attrs.aggregate.at,
            format!(
                "{} are more than the {MAX_MEMBERS} members that an aggregate can have",
                spec.members.len()
            ),
            "leave out what is not always read with the root",
        );
    }
}

/// A member names its root, and the columns that lead there.
pub(super) fn members_find_their_root(ctxt: &Ctxt, model: &Model) {
    let attrs = &model.attrs;
    match (&attrs.member_of.at, &attrs.by.at) {
        (Some(at), None) => ctxt.error(
            at,
            "a member is found by the column that holds its root's key, and this one names none",
            format!("write `{}, {}`", form("member_of"), form("by")),
        ),
        (None, Some(at)) => ctxt.error(
            at,
            "`by` leads to the root of a member, and this model names no root",
            format!("write `{}, {}`", form("member_of"), form("by")),
        ),
        _ => {}
    }
    let Some(at) = &attrs.member_of.at else { return };
    if attrs.aggregate.at.is_some() {
        ctxt.error(
            at,
            "an aggregate has one root, and this model would be a root and a member",
            "name all members on one root, each with a column that holds its key",
        );
    }
    if attrs.read_only.at.is_some() {
        ctxt.error(
            at,
            "a `read_only` model is written through another, so a write could not find its root",
            "make the model that writes the table the member",
        );
    }
    if model.member_of.as_ref().is_some_and(|(_, by)| repeats(by)) {
        ctxt.error(&attrs.by.at, "one column is named twice", "name each column once");
    }
}

//! What is said of aggregates: on a root, and on a member.

use syn::{LitStr, Path};

use super::Slot;
use crate::ctxt::Ctxt;
use crate::items::{self, Form, Item};
use crate::values::{self, Named};

/// `aggregate(owner = "team", members(Member, ..))`
pub(crate) struct AggregateSpec {
    /// Who answers for it.
    pub(crate) owner: LitStr,
    /// The models of its members.
    pub(crate) members: Vec<Path>,
}

impl AggregateSpec {
    pub(super) fn read(ctxt: &Ctxt, item: &Item, form: &str) -> Option<Self> {
        let (mut owner, mut members) = (Slot::default(), Slot::default());
        let Form::List(tokens) = &item.form else { return wrong(ctxt, item, form) };
        for (_, inner) in items::within(tokens) {
            match inner {
                Some(inner) if inner.name == "owner" => {
                    owner.read_as(ctxt, &inner, form, values::text);
                }
                Some(inner) if inner.name == "members" => {
                    members.read_as(ctxt, &inner, form, paths);
                }
                _ => return wrong(ctxt, item, form),
            }
        }
        match (owner.value, members.value) {
            (Some(owner), Some(members)) => Some(Self { owner, members }),
            // What is there, and wrong, is reported.
            (None, _) if owner.at.is_some() => None,
            (_, None) if members.at.is_some() => None,
            _ => wrong(ctxt, item, form),
        }
    }
}

fn wrong<T>(ctxt: &Ctxt, item: &Item, form: &str) -> Option<T> {
    ctxt.error(
        &item.name,
        "`aggregate` takes who answers for it, and the models of its members",
        format!("write `{form}`"),
    );
    None
}

/// At least one path in parentheses.
fn paths(ctxt: &Ctxt, item: &Item, form: &str) -> Option<Vec<Path>> {
    let paths = match &item.form {
        Form::List(tokens) => values::list(tokens),
        Form::Word | Form::Value(_) => None,
    };
    if paths.is_none() {
        ctxt.error(&item.name, "`members` takes models in parentheses", format!("write `{form}`"));
    }
    paths
}

/// `by = column`, or `by(column, other)` for a key of several columns.
pub(super) fn by(ctxt: &Ctxt, item: &Item, form: &str) -> Option<Vec<Named>> {
    match &item.form {
        Form::List(_) => values::names(ctxt, item, form),
        Form::Word | Form::Value(_) => values::named(ctxt, item, form).map(|one| vec![one]),
    }
}

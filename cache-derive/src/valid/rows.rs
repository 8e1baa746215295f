//! The rules on what a row is: embedded and joined fields, what only reads, what others change.

use std::collections::HashSet;

use crate::attr::{Consistency, Pattern, form};
use crate::ctxt::Ctxt;
use crate::model::{Model, repeats};

/// An embedded struct says itself how its fields are kept.
pub(super) fn embedded_fields_are_by_themselves(ctxt: &Ctxt, model: &Model) {
    for field in model.own().iter().filter(|field| field.embed) {
        if let Some(with) = &field.with {
            ctxt.error(
                with,
                "`with` on an embedded field has no effect: its struct says how each of its \
                 fields is encoded",
                "put `#[cached(with = ..)]` on the fields of the embedded struct, which derives \
                 `CachedEmbed`",
            );
        }
        if model.attrs.save.at.is_some() {
            ctxt.error(
                &model.attrs.save.at,
                "`save` cannot write a model with embedded fields in this release",
                "use a changeset, into which Diesel embeds the same struct",
            );
        }
    }
}

/// A column of another table is read along with the row, and never written.
pub(super) fn joined_fields_have_a_way(ctxt: &Ctxt, model: &Model) {
    for selected in model.own().iter().filter_map(|field| field.selected.as_ref()) {
        if selected.column.is_none() {
            ctxt.error(
                &selected.at,
                "`select_expression` on a cached field must be a column of another table",
                "write `select_expression = users::name`; to compute something, select the \
                 columns and compute in a method, or cache a view that holds the expression",
            );
        } else if model.attrs.depends_on.is_empty() && model.depends_on.is_empty() {
            ctxt.error(
                &selected.at,
                "this field is a column of another table, but the model does not say how it \
                 depends on it",
                format!("write `{}`", form("depends_on")),
            );
        } else if model.attrs.read_only.at.is_none() {
            ctxt.error(
                &selected.at,
                "a model with columns of other tables only reads, so it must say so",
                "write `read_only`, and write rows through a model of the table itself",
            );
        }
    }
}

/// A column that the struct leaves out can be looked up by, and no more.
pub(super) fn concealed_columns_are_looked_up_alone(ctxt: &Ctxt, model: &Model) {
    let mut others = model.key.clone();
    others.extend(&model.volatile);
    others.extend(model.tenant.iter().chain(&model.version).chain(&model.expires_at));
    others.extend(model.lists.iter().flat_map(|list| {
        list.fields.iter().copied().chain(list.order.iter().map(|(index, _)| *index))
    }));
    others.extend(model.depends_on.iter().map(|(_, via)| *via));
    others.extend(model.member_of.iter().flat_map(|(_, by)| by));
    for field in model.at(&others).filter(|field| field.concealed) {
        ctxt.error(
            &field.ty,
            "a column that the struct leaves out can be looked up by alone",
            format!("add the field `{}`, or name the column in `unique(..)` alone", field.column),
        );
    }
    if model.concealed().next().is_some()
        && model.attrs.consistency.value == Some(Consistency::Validated)
    {
        ctxt.error(
            &model.attrs.consistency.at,
            "`strict(validated)` compares a row with the value that it was looked up by, and the \
             struct leaves that out",
            "add the column as a field, or write `consistency = \"strict(fenced)\"`",
        );
    }
}

/// What only reads has nothing to say about writes, and nothing to be strict about.
pub(super) fn read_only_reads(ctxt: &Ctxt, model: &Model) {
    let attrs = &model.attrs;
    if attrs.read_only.at.is_none() {
        return;
    }
    let writes = [
        &attrs.insert.at,
        &attrs.changeset.at,
        &attrs.save.at,
        &attrs.on_write.at,
        &attrs.version.at,
    ];
    for at in writes.into_iter().flatten() {
        ctxt.error(
            at,
            format!("this model is `read_only`, so `{at}` has nothing to say"),
            format!("remove `{at}`, or `read_only`"),
        );
    }
    if matches!(attrs.pattern.value, Some(Pattern::WriteThrough)) {
        ctxt.error(
            &attrs.pattern.at,
            "this model is `read_only`, so nothing is written through",
            "write `pattern = \"cache_aside\"`",
        );
    }
    if attrs.consistency.value.is_some_and(|it| it != Consistency::Eventual) {
        ctxt.error(
            &attrs.consistency.at,
            "a `read_only` model can be neither strict nor bounded: nobody tells it of writes before they commit",
            "write `consistency = \"eventual\"`",
        );
    }
}

/// A row of another table that changes is followed to this one after its commit.
pub(super) fn dependents_are_eventual(ctxt: &Ctxt, model: &Model) {
    let attrs = &model.attrs;
    if !model.depends_on.is_empty()
        && attrs.read_only.at.is_none()
        && attrs.consistency.value.is_some_and(|it| it != Consistency::Eventual)
    {
        ctxt.error(
            &attrs.consistency.at,
            "a model that depends on another can be neither strict nor bounded: which of its rows a \
             write of the other changes is known only once that has committed",
            "write `consistency = \"eventual\"`, or find the rows of both models and put them \
             together yourself",
        );
    }
}

/// What others change at any time finds no row and sorts none.
pub(super) fn volatile_columns_lead_nowhere(ctxt: &Ctxt, model: &Model) {
    let mut used: HashSet<usize> = model.key.iter().copied().collect();
    used.extend(model.lookups.iter().flat_map(|lookup| lookup.fields.iter().copied()));
    used.extend(model.lists.iter().flat_map(|list| list.fields.iter().copied()));
    used.extend(model.lists.iter().flat_map(|list| list.order.iter().map(|(index, _)| *index)));
    used.extend(model.version.iter().chain(&model.expires_at));
    used.extend(model.member_of.iter().flat_map(|(_, by)| by));
    for index in model.volatile.iter().filter(|index| **index >= model.own().len()) {
        ctxt.error(
            &model.fields[*index].column,
            "a column of an embedded struct cannot be volatile by itself",
            "name the embedded field, or write the column as a field of this struct",
        );
    }
    let named = model.volatile.iter().filter(|index| used.contains(index));
    for field in named.filter_map(|index| model.fields.get(*index)) {
        ctxt.error(
            &field.column,
            format!("`{}` is volatile, but rows are found, sorted or dated by it", field.column),
            "remove it from `volatile(..)`, or from what finds rows by it",
        );
    }
}

/// A list is a method, and a page goes on after any row of it.
pub(super) fn lists_are_ordered(ctxt: &Ctxt, model: &Model) {
    let mut seen = HashSet::new();
    for list in &model.lists {
        if !seen.insert(&list.name) {
            ctxt.error(
                &list.at,
                format!("`{}` would be generated twice", list.method),
                "give one of the lists a name of its own: `name = recent`",
            );
        }
        let order: Vec<usize> = list.order.iter().map(|(index, _)| *index).collect();
        if repeats(&list.fields) || repeats(&order) {
            ctxt.error(&list.at, "one column is named twice", "name each column once");
        }
        for field in model.at(&order).filter(|field| field.is_nullable()) {
            ctxt.error(
                &list.at,
                format!(
                    "`{}` can be NULL, and a page cannot go on after a row without it",
                    field.column
                ),
                "sort by columns that are NOT NULL; the key always comes last by itself",
            );
        }
    }
}

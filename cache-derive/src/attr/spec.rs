//! What is said within `unique(..)` and `list(..)`: columns by themselves, then options.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::Path;

use super::Slot;
use crate::ctxt::Ctxt;
use crate::items::{self, Form, Item};
use crate::values::{self, Named};

/// The longest list that makes sense as one entry.
const MAX_LIMIT: u32 = 10_000;

/// `unique(column, .., normalize = path, when = path)`
pub(crate) struct UniqueSpec {
    /// The columns' names.
    pub(crate) columns: Vec<Named>,
    /// Makes the value by which the row is found out of the column's.
    pub(crate) normalize: Option<Path>,
    /// Says of which rows the value is unique.
    pub(crate) when: Option<Path>,
}

/// `list(column, .., when = path, order_by = .., limit = n, name = word)`
pub(crate) struct ListSpec {
    /// What to point at.
    pub(crate) at: Ident,
    /// The columns whose values its rows share; none for a list of the whole table.
    pub(crate) columns: Vec<Named>,
    /// Says which rows are listed.
    pub(crate) when: Option<Path>,
    /// The columns that it is sorted by.
    pub(crate) order: Vec<Sorted>,
    /// How many rows a page has.
    pub(crate) limit: u32,
    /// What its methods are called by.
    pub(crate) name: Option<Ident>,
}

/// A column that a list is sorted by.
pub(crate) struct Sorted {
    pub(crate) column: Ident,
    pub(crate) descending: bool,
}

/// `depends_on(Model, via = column)`
pub(crate) struct DependsSpec {
    /// The model whose rows this one shows something of.
    pub(crate) model: Path,
    /// The column that holds the other's key.
    pub(crate) via: Named,
}

impl DependsSpec {
    pub(super) fn read(ctxt: &Ctxt, item: &Item, form: &str) -> Option<Self> {
        let mut via = Slot::default();
        let mut model = None;
        if let Form::List(tokens) = &item.form {
            for (tokens, inner) in items::within(tokens) {
                match inner {
                    Some(inner) if inner.name == "via" => {
                        via.read_as(ctxt, &inner, "via = column", values::named);
                    }
                    _ if model.is_none() => model = syn::parse2::<Path>(tokens).ok(),
                    _ => model = None,
                }
            }
        }
        if let (Some(model), Some(via)) = (model, via.value) {
            return Some(Self { model, via });
        }
        ctxt.error(
            &item.name,
            "`depends_on` takes a model, and the column of this one that holds its key",
            format!("write `{form}`"),
        );
        None
    }
}

impl UniqueSpec {
    pub(super) fn read(ctxt: &Ctxt, item: &Item, form: &str) -> Option<Self> {
        let mut options = Options::default();
        let columns = options.read(ctxt, item, form, &["normalize", "when"])?;
        if columns.is_empty() {
            ctxt.error(&item.name, "`unique` names no column", format!("write `{form}`"));
            return None;
        }
        let (normalize, when) = (options.normalize.value, options.when.value);
        if let Some(path) = normalize.as_ref().filter(|_| columns.len() > 1) {
            ctxt.error(
                path,
                "`normalize` applies to one column, but this lookup has more",
                "store the normalised value in a column of its own, and look up by that",
            );
        }
        Some(Self { columns, normalize, when })
    }
}

impl ListSpec {
    pub(super) fn read(ctxt: &Ctxt, item: &Item, form: &str) -> Option<Self> {
        let mut options = Options::default();
        let columns = options.read(ctxt, item, form, &["when", "order_by", "limit", "name"])?;
        for (given, name) in
            [(options.order.at.is_some(), "order_by"), (options.limit.at.is_some(), "limit")]
        {
            if !given {
                ctxt.error(
                    &item.name,
                    format!("this list has no `{name}`"),
                    format!("write `{form}`"),
                );
            }
        }
        let limit = options.limit.value?;
        if limit == 0 || limit > MAX_LIMIT {
            ctxt.error(
                &options.limit.at,
                format!("a page has at least one row, and at most {MAX_LIMIT}"),
                "write `limit = 100`, and read on with the method that ends in `_after`",
            );
        }
        Some(Self {
            at: item.name.clone(),
            columns,
            when: options.when.value,
            order: options.order.value?,
            limit,
            name: options.name.value,
        })
    }
}

/// The options of both.
#[derive(Default)]
struct Options {
    normalize: Slot<Path>,
    when: Slot<Path>,
    order: Slot<Vec<Sorted>>,
    limit: Slot<u32>,
    name: Slot<Ident>,
}

impl Options {
    /// Reads the options that are `known`, and gives the columns.
    fn read(&mut self, ctxt: &Ctxt, item: &Item, form: &str, known: &[&str]) -> Option<Vec<Named>> {
        let Form::List(tokens) = &item.form else {
            ctxt.error(
                &item.name,
                format!("`{}` takes columns in parentheses, without quotes", item.name),
                format!("write `{form}`"),
            );
            return None;
        };
        let mut columns = Vec::new();
        for (tokens, inner) in items::within(tokens) {
            let name = inner.as_ref().map(|inner| inner.name.to_string()).unwrap_or_default();
            match inner {
                Some(Item { name, form: Form::Word }) => columns.push(name.into()),
                Some(inner) if known.contains(&name.as_str()) => self.option(ctxt, &inner, form),
                _ => {
                    if let Ok(named) = syn::parse2(tokens.clone()) {
                        columns.push(named);
                        continue;
                    }
                    let known = known.iter().map(|name| format!("`{name} = ..`"));
                    ctxt.error(
                        tokens,
                        format!(
                            "expected the name of a column, or {}",
                            known.collect::<Vec<_>>().join(", ")
                        ),
                        format!("write `{form}`"),
                    );
                    return None;
                }
            }
        }
        Some(columns)
    }

    fn option(&mut self, ctxt: &Ctxt, item: &Item, form: &str) {
        match item.name.to_string().as_str() {
            "normalize" => {
                self.normalize.read_as(ctxt, item, "normalize = path::to::module", values::path);
            }
            "when" => self.when.read_as(ctxt, item, "when = path::to::module", values::path),
            "order_by" => self.order.read_as(ctxt, item, form, sorted),
            "limit" => self.limit.read_as(ctxt, item, "limit = 100", values::integer),
            _ => self.name.read_as(ctxt, item, "name = recent", values::ident),
        }
    }
}

/// `created_at.desc()`, or some of these in parentheses.
fn sorted(ctxt: &Ctxt, item: &Item, _: &str) -> Option<Vec<Sorted>> {
    if let Form::Value(tokens) = &item.form {
        let mut trees = tokens.clone().into_iter();
        let all = match (trees.next(), trees.next()) {
            (Some(TokenTree::Group(group)), None)
                if group.delimiter() == Delimiter::Parenthesis =>
            {
                group.stream()
            }
            _ => tokens.clone(),
        };
        let columns: Option<Vec<Sorted>> =
            items::split(all).into_iter().map(sorted_column).collect();
        if let Some(columns) = columns.filter(|columns| !columns.is_empty()) {
            return Some(columns);
        }
    }
    ctxt.error(
        &item.name,
        "`order_by` takes columns, each with its direction",
        "write `order_by = created_at.desc()`, or `order_by = (rank.asc(), created_at.desc())`",
    );
    None
}

/// `column`, `column.asc()` or `column.desc()`.
fn sorted_column(tokens: TokenStream) -> Option<Sorted> {
    let mut tokens = tokens.into_iter();
    let Some(TokenTree::Ident(column)) = tokens.next() else { return None };
    let direction: String = tokens.map(|token| token.to_token_stream().to_string()).collect();
    match direction.replace(' ', "").as_str() {
        "" | ".asc()" => Some(Sorted { column, descending: false }),
        ".desc()" => Some(Sorted { column, descending: true }),
        _ => None,
    }
}

//! The ways to rows other than their key: unique lookups and lists.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::Path;
use syn::ext::IdentExt;

use super::{Model, camel_case};
use crate::attr::{ListSpec, UniqueSpec};
use crate::ctxt::Ctxt;

/// A unique lookup.
pub(crate) struct Lookup {
    /// Its fields, by index, in order.
    pub(crate) fields: Vec<usize>,
    /// Its names, as written.
    pub(crate) at: TokenStream,
    /// The module that normalises its last value.
    pub(crate) normalize: Option<Path>,
    /// The module that says which rows have it.
    pub(crate) when: Option<Path>,
    /// `a_and_b`
    pub(crate) name: String,
    /// Its variant in the lookup enum.
    pub(crate) variant: Ident,
    /// `find_by_a_and_b`
    pub(crate) method: Ident,
    /// The method that forgets where a value leads.
    pub(crate) invalidate: Ident,
}

impl Lookup {
    /// Whether it names a field twice, which is a mistake.
    pub(crate) fn repeats(&self) -> bool {
        repeats(&self.fields)
    }

    /// The statement that normalises the last argument, if that is asked for.
    pub(crate) fn normal(&self, arguments: &[Ident]) -> Option<TokenStream> {
        let (path, argument) = (self.normalize.as_ref()?, arguments.last()?);
        Some(quote!(let #argument = #path::value(&__c::AsKey::to_key(&#argument));))
    }
}

/// A list of the rows that share some values.
pub(crate) struct List {
    /// The fields that its rows share, by index, in order; none if it is of all rows.
    pub(crate) fields: Vec<usize>,
    /// What to point at.
    pub(crate) at: Ident,
    /// The module that says which rows are listed.
    pub(crate) when: Option<Path>,
    /// The fields that it is sorted by, each with whether the greatest comes first. At the end
    /// stands the key, so that no two rows are equal.
    pub(crate) order: Vec<(usize, bool)>,
    /// How many rows a page has.
    pub(crate) limit: u32,
    /// `by_a_and_b`, `all`, or what it is named.
    pub(crate) name: String,
    /// Its variant in the lookup enum.
    pub(crate) variant: Ident,
    /// `list_by_a_and_b`
    pub(crate) method: Ident,
    /// `list_by_a_and_b_after`
    pub(crate) after: Ident,
    /// `invalidate_list_by_a_and_b`
    pub(crate) invalidate: Ident,
}

impl Model {
    /// The columns with the tenant's before them, unless they name it.
    pub(super) fn scoped(&self, mut fields: Vec<usize>) -> Vec<usize> {
        if let Some(tenant) = self.tenant.filter(|tenant| !fields.contains(tenant)) {
            fields.insert(0, tenant);
        }
        fields
    }

    fn joined_names(&self, fields: &[usize]) -> String {
        let columns = self.at(fields).map(|field| field.column.unraw().to_string());
        columns.collect::<Vec<_>>().join("_and_")
    }

    pub(super) fn resolve_lookups(&mut self, ctxt: &Ctxt) {
        for spec in std::mem::take(&mut self.attrs.unique) {
            let UniqueSpec { columns, normalize, when } = spec;
            let fields = self.find_all(ctxt, &columns, "so no row can be found by it");
            let Some(first) = fields.first().and_then(|index| self.fields.get(*index)) else {
                continue;
            };
            let span = first.ident.span();
            let name = self.joined_names(&fields);
            self.lookups.push(Lookup {
                at: columns.iter().flat_map(ToTokens::to_token_stream).collect(),
                normalize,
                when,
                variant: format_ident!("{}", camel_case(&name), span = span),
                method: format_ident!("find_by_{name}", span = span),
                invalidate: format_ident!("invalidate_by_{name}", span = span),
                name,
                fields: self.scoped(fields),
            });
        }
    }

    pub(super) fn resolve_lists(&mut self, ctxt: &Ctxt) {
        for spec in std::mem::take(&mut self.attrs.lists) {
            let ListSpec { at, columns, when, order, limit, name } = spec;
            let fields = self.find_all(ctxt, &columns, "so no rows can be listed by it");
            let span = at.span().resolved_at(proc_macro2::Span::call_site());
            let name = match &name {
                Some(name) => name.unraw().to_string(),
                None if columns.is_empty() => "all".to_owned(),
                None => format!("by_{}", self.joined_names(&fields)),
            };
            let mut sorted = Vec::new();
            for by in order {
                let found = self.find_all(ctxt, &[by.column.into()], "so nothing is sorted by it");
                sorted.extend(found.into_iter().map(|index| (index, by.descending)));
            }
            let last = sorted.last().is_some_and(|(_, descending)| *descending);
            for index in self.key.clone() {
                if !sorted.iter().any(|(by, _)| *by == index) {
                    sorted.push((index, last));
                }
            }
            self.lists.push(List {
                at,
                when,
                order: sorted,
                limit,
                variant: format_ident!("List{}", camel_case(&name), span = span),
                method: format_ident!("list_{name}", span = span),
                after: format_ident!("list_{name}_after", span = span),
                invalidate: format_ident!("invalidate_list_{name}", span = span),
                name,
                fields: self.scoped(fields),
            });
        }
    }
}

pub(crate) fn repeats(fields: &[usize]) -> bool {
    (1..fields.len()).any(|end| fields[..end].contains(&fields[end]))
}

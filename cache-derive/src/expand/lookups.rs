//! The values by which rows are found, unique or shared, as a type and of a row.

use proc_macro2::{Literal, TokenStream};
use quote::quote;
use syn::Path;

use super::{of, of_self};
use crate::model::{Field, List, Lookup, Model};

/// The types of a lookup's values.
pub(super) fn types<'a>(
    model: &'a Model,
    lookup: &'a Lookup,
) -> impl Iterator<Item = &'a syn::Type> {
    model.at(&lookup.fields).map(Field::not_null)
}

/// The lookup type: an enum of the values, or nothing at all.
pub(super) fn values(model: &Model) -> (TokenStream, TokenStream) {
    if model.lookups.is_empty() && model.lists.is_empty() {
        return (TokenStream::new(), quote!(::core::convert::Infallible));
    }
    let vis = &model.vis;
    let lookups = model.lookups.iter().map(|lookup| {
        let (doc, variant) = (format!(" `{}`", lookup.name), &lookup.variant);
        let types = types(model, lookup);
        quote!(#[doc = #doc] #variant(#(#types),*),)
    });
    let lists = model.lists.iter().map(|list| {
        let (doc, variant) = (format!(" `{}`", list.name), &list.variant);
        let types = model.at(&list.fields).map(|field| &field.ty);
        quote!(#[doc = #doc] #variant(#(#types),*),)
    });
    let lookup_enum = quote! {
        /// One variant for each unique lookup and each list.
        #[derive(::core::clone::Clone)]
        #vis enum __Lookup {
            #(#lookups)*
            #(#lists)*
        }
    };
    (lookup_enum, quote!(__Lookup))
}

/// The visits of a row's values.
pub(super) fn each(model: &Model) -> TokenStream {
    let shown = |lookup: &Lookup| !model.at(&lookup.fields).any(|field| field.concealed);
    let lookups = model.lookups.iter().enumerate().filter(|(_, lookup)| shown(lookup));
    let lookups: Vec<_> =
        lookups.map(|(index, lookup)| visit_lookup(model, index, lookup)).collect();
    let visit = if lookups.is_empty() { quote!(_) } else { quote!(__visit) };
    let lists = (!model.lists.is_empty()).then(|| lists(model));
    quote! {
        fn each_lookup(&self, #visit: &mut dyn ::core::ops::FnMut(usize, &dyn __c::KeyParts)) {
            #(#lookups)*
        }

        #lists
    }
}

fn visit_lookup(model: &Model, index: usize, lookup: &Lookup) -> TokenStream {
    let values = model.at(&lookup.fields).map(|field| of_self(model, field)).collect();
    visit(index, &normal(model, lookup, values), lookup.when.as_ref())
}

/// References to the values of a lookup, the last of them normalised if that is asked for.
pub(super) fn normal(
    model: &Model,
    lookup: &Lookup,
    mut values: Vec<TokenStream>,
) -> Vec<TokenStream> {
    let nullable = model.at(&lookup.fields).last().is_some_and(Field::is_nullable);
    if let (Some(path), Some(value)) = (&lookup.normalize, values.last_mut()) {
        *value = if nullable {
            quote! {
                &::core::option::Option::map(
                    ::core::option::Option::as_ref(#value),
                    |__value| #path::value(__value),
                )
            }
        } else {
            quote!(&#path::value(#value))
        };
    }
    values
}

pub(super) fn visit(index: usize, values: &[TokenStream], when: Option<&Path>) -> TokenStream {
    let index = Literal::usize_unsuffixed(index);
    let value = match values {
        [one] => one.clone(),
        all => quote!(&(#(#all),*)),
    };
    let visit = quote!(__visit(#index, #value););
    match when {
        Some(path) => quote!(if #path::holds(self) { #visit }),
        None => visit,
    }
}

fn lists(model: &Model) -> TokenStream {
    let visits = model.lists.iter().enumerate().map(|(index, list)| {
        let values: Vec<_> = model.at(&list.fields).map(|field| of_self(model, field)).collect();
        visit(index, &values, list.when.as_ref())
    });
    let same = model.lists.iter().enumerate().map(|(index, list)| {
        let (index, same) = (Literal::usize_unsuffixed(index), same_order(model, list));
        quote!(#index => #same,)
    });
    quote! {
        fn each_list(&self, __visit: &mut dyn ::core::ops::FnMut(usize, &dyn __c::KeyParts)) {
            #(#visits)*
        }

        fn same_order(&self, __other: &Self, __list: usize) -> bool {
            match __list {
                #(#same)*
                _ => false,
            }
        }
    }
}

/// Whether two rows with one key are sorted alike.
fn same_order(model: &Model, list: &List) -> TokenStream {
    let sorted = list.order.iter().filter(|(index, _)| !model.key.contains(index));
    let equal = sorted.filter_map(|(index, _)| model.fields.get(*index)).map(|field| {
        let (this, other) = (of_self(model, field), of(model, field, &quote!(__other)));
        quote!(#this == #other)
    });
    let all = equal.reduce(|all, next| quote!(#all && #next));
    all.unwrap_or_else(|| quote!(true))
}

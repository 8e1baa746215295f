//! What is written into the user's crate.
//!
//! Beside the model stands its repository type; everything else is in one
//! `const _` block, so that no other name can clash with the user's. Inside
//! the block `__c` is the runtime's support module and `__diesel` its Diesel.
//! Field types also appear there, so the block's own items begin with `__`.
//! So do parameters: `use users::dsl::*` brings a unit struct of each column's
//! name into scope, and no parameter may be named like a unit struct.

mod aggregate;
mod behind;
mod embed;
mod fields;
mod lists;
mod lookups;
mod model;
mod repository;
mod statements;
mod stub;

pub(crate) use embed::derive as cached_embed;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::DeriveInput;

use crate::attr::Backend;
use crate::ctxt::Ctxt;
use crate::model::{Field, Model};
use crate::valid;

/// `#[derive(Cached)]`: the expansion, or the mistakes and a stub.
pub(crate) fn cached(input: &DeriveInput) -> TokenStream {
    let ctxt = Ctxt::new();
    let model = Model::read(&ctxt, input);
    if let Some(model) = &model {
        valid::check(&ctxt, model);
    }
    let mistakes = ctxt.check().err().map(|error| error.to_compile_error());
    match (model, mistakes) {
        (Some(model), None) => {
            let model_impl = model::expand(&model);
            let finders = repository::finders(&model, &Body::Real);
            let statements = statements::expand(&model);
            block(&model, &[model_impl, finders, statements])
        }
        (Some(model), Some(mistakes)) => {
            let stub = block(&model, &[stub::expand(&model)]);
            quote!(#mistakes #stub)
        }
        (None, mistakes) => mistakes.into_token_stream(),
    }
}

/// Whether a body does its work, or stands in for it after a mistake.
enum Body {
    Real,
    Stub,
}

/// The repository type, and the block with all else.
fn block(model: &Model, items: &[TokenStream]) -> TokenStream {
    let krate = &model.krate;
    let repository = repository::repository(model);
    let impls = repository::impls(model);
    let delta = behind::delta(model);
    quote! {
        #repository
        #delta

        const _: () = {
            use #krate::__private as __c;
            use __c::diesel as __diesel;

            #impls
            #(#items)*
        };
    }
}

/// Wraps items in the runtime's switch for a backend; within, `__Db` is the backend.
fn on_backend(model: &Model, backend: Backend, items: &TokenStream) -> TokenStream {
    let krate = &model.krate;
    let (switch, db) = match backend {
        Backend::Sqlite => (quote!(__if_sqlite), quote!(sqlite::Sqlite)),
        Backend::Postgres => (quote!(__if_postgres), quote!(pg::Pg)),
        Backend::Mysql => (quote!(__if_mysql), quote!(mysql::Mysql)),
    };
    quote! {
        #krate::#switch! {
            const _: () = {
                type __Db = __diesel::#db;
                #items
            };
        }
    }
}

/// The key's type: the one column's, or a tuple.
fn key_type(model: &Model) -> TokenStream {
    tuple(model.at(&model.key).map(|field| &field.ty))
}

/// `table::column`, where the field is.
fn column(model: &Model, field: &Field) -> TokenStream {
    if let Some(joined) = field.selected.as_ref().and_then(|selected| selected.column.as_ref()) {
        return joined.to_token_stream();
    }
    let (table, column) = (&model.table, &field.column);
    quote!(#table::#column)
}

/// A reference to the field's value in `self`.
fn of_self(model: &Model, field: &Field) -> TokenStream {
    of(model, field, &quote!(self))
}

/// A reference to the field's value in `row`.
fn of(model: &Model, field: &Field, row: &TokenStream) -> TokenStream {
    field.of(row, &column(model, field))
}

/// The one element by itself, or all as a tuple.
fn tuple<T: ToTokens>(elements: impl Iterator<Item = T>) -> TokenStream {
    let elements: Vec<T> = elements.collect();
    match elements.as_slice() {
        [one] => one.to_token_stream(),
        all => quote!((#(#all),*)),
    }
}

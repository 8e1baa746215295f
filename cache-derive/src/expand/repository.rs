//! The model's repository: a type of its own around the runtime's, so that it
//! can be named, and the finders of its unique lookups.

use std::collections::HashSet;

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};
use syn::Type;
use syn::ext::IdentExt;

use super::{Body, lists, lookups};
use crate::model::{Lookup, Model};

fn name(model: &Model) -> Ident {
    format_ident!("{}Repository", model.ident.unraw(), span = model.ident.span())
}

/// The type, beside the model.
pub(super) fn repository(model: &Model) -> TokenStream {
    let (ident, vis, krate, db) = (&model.ident, &model.vis, &model.krate, &model.db);
    let name = name(model);
    let doc = format!(" The repository of [`{}`], made by `Cache::repository`.", ident.unraw());
    quote! {
        #[doc = #doc]
        #vis struct #name<#db: #krate::Database>(#krate::__private::Repository<#ident, #db>);
    }
}

/// What makes the type stand for the runtime's.
pub(super) fn impls(model: &Model) -> TokenStream {
    let (ident, db) = (&model.ident, &model.db);
    let name = name(model);
    quote! {
        #[automatically_derived]
        impl __c::Cached for #ident {
            type Repository<#db: __c::Database> = #name<#db>;
        }

        #[automatically_derived]
        impl<#db: __c::Database> ::core::clone::Clone for #name<#db> {
            fn clone(&self) -> Self {
                Self(::core::clone::Clone::clone(&self.0))
            }
        }

        #[automatically_derived]
        impl<#db: __c::Database> ::core::convert::From<__c::Repository<#ident, #db>> for #name<#db> {
            fn from(__repository: __c::Repository<#ident, #db>) -> Self {
                Self(__repository)
            }
        }

        #[automatically_derived]
        impl<#db: __c::Database> ::core::ops::Deref for #name<#db> {
            type Target = __c::Repository<#ident, #db>;

            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }
    }
}

/// One `find_by_..` and one `invalidate_by_..` for each unique lookup.
pub(super) fn finders(model: &Model, body: &Body) -> TokenStream {
    if model.lookups.is_empty() && model.lists.is_empty() {
        return TokenStream::new();
    }
    let (ident, db) = (&model.ident, &model.db);
    let name = name(model);
    // After the mistake of naming one twice, its method stands once; one that
    // names a column twice has none.
    let mut seen = HashSet::new();
    let finders = model
        .lookups
        .iter()
        .enumerate()
        .filter(|(_, lookup)| seen.insert(&lookup.name) && !lookup.repeats())
        .map(|(index, lookup)| finder(model, index, lookup, body));
    let lists = lists::methods(model, body);
    quote! {
        impl<#db: __c::Database> #name<#db>
        where
            #ident: __c::Statements<#db::Backend>,
        {
            #(#finders)*
            #lists
        }
    }
}

fn finder(model: &Model, index: usize, lookup: &Lookup, body: &Body) -> TokenStream {
    let (ident, vis) = (&model.ident, &model.vis);
    let (method, invalidate, variant) = (&lookup.method, &lookup.invalidate, &lookup.variant);
    let index = Literal::usize_unsuffixed(index);
    let arguments: Vec<Ident> = model
        .at(&lookup.fields)
        .map(|field| format_ident!("by_{}", field.column.unraw(), span = field.column.span()))
        .collect();
    let types: Vec<_> = lookups::types(model, lookup).collect();
    let columns = model
        .at(&lookup.fields)
        .map(|field| format!("`{}`", field.column.unraw()))
        .collect::<Vec<_>>()
        .join(" and ");
    let find_doc =
        format!(" The row with this {columns}, if there is one. As consistent as `find`.");
    let invalidate_doc = format!(
        " Forgets which row has this {columns}, or that none has, after it was changed past the \
         repository."
    );
    let (find, forget) = match body {
        Body::Real => {
            let parts = match arguments.as_slice() {
                [one] => quote!(&#one),
                all => quote!(&(#(&#all),*)),
            };
            let normal = lookup.normal(&arguments);
            let find = quote! {
                #normal
                self.0
                    .find_by(#index, #parts, || __Lookup::#variant(#(__c::AsKey::to_key(&#arguments)),*))
                    .await
            };
            let forget = quote! {
                #normal
                self.0.invalidate_by(#index, #parts).await
            };
            (find, forget)
        }
        Body::Stub => {
            let stub = quote! {
                #(let _ = #arguments;)*
                ::core::unreachable!()
            };
            (stub.clone(), stub)
        }
    };
    let upsert = upsert(model, lookup, &arguments, &types, body);
    quote! {
        #upsert

        // Which of them an application calls is its own affair.
        #[allow(dead_code)]
        #[doc = #find_doc]
        ///
        /// # Errors
        ///
        /// If the row is not cached and the database did not answer.
        #vis async fn #method(
            &self,
            #(#arguments: impl __c::AsKey<#types>,)*
        ) -> __c::Result<::core::option::Option<::std::sync::Arc<#ident>>> {
            #find
        }

        #[allow(dead_code)]
        #[doc = #invalidate_doc]
        #vis async fn #invalidate(&self, #(#arguments: impl __c::AsKey<#types>,)*) {
            #forget
        }
    }
}

/// Where rows are inserted and changed, they are also upserted by each unique value.
fn upsert(
    model: &Model,
    lookup: &Lookup,
    arguments: &[Ident],
    types: &[&Type],
    body: &Body,
) -> Option<TokenStream> {
    if model.attrs.insert.value.is_none() || model.attrs.changeset.value.is_none() {
        return None;
    }
    let (ident, vis, db, variant) = (&model.ident, &model.vis, &model.db, &lookup.variant);
    let method = format_ident!("upsert_by_{}", lookup.name, span = lookup.method.span());
    let doc =
        format!(" Changes the row with this {}, or inserts one where there is none.", lookup.name);
    let work = match body {
        Body::Real => {
            let normal = lookup.normal(arguments);
            quote! {
                #normal
                let __value = __Lookup::#variant(#(__c::AsKey::to_key(&#arguments)),*);
                self.0.upsert_by(__value, __new, __change).await
            }
        }
        Body::Stub => quote! {
            #(let _ = #arguments;)*
            let _ = (__new, __change);
            ::core::unreachable!()
        },
    };
    Some(quote! {
        #[allow(dead_code)]
        #[doc = #doc]
        /// The value is that of `new`. Returns the row as the database holds it.
        ///
        /// # Errors
        ///
        /// As `upsert`.
        #vis async fn #method(
            &self,
            #(#arguments: impl __c::AsKey<#types>,)*
            __new: impl __c::Insert<#ident, #db::Backend>,
            __change: impl __c::Change<#ident, #db::Backend>,
        ) -> __c::Result<::std::sync::Arc<#ident>> {
            #work
        }
    })
}

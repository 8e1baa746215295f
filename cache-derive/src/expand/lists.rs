//! The methods of a model's lists.

use std::collections::HashSet;

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt;

use super::Body;
use crate::model::{List, Model, repeats};

/// A page, the page after a row, and a way to forget, for each list.
pub(super) fn methods(model: &Model, body: &Body) -> TokenStream {
    let mut seen = HashSet::new();
    let lists = model
        .lists
        .iter()
        .enumerate()
        .filter(|(_, list)| seen.insert(&list.name) && !repeats(&list.fields));
    lists.map(|(index, list)| methods_of(model, index, list, body)).collect()
}

fn methods_of(model: &Model, index: usize, list: &List, body: &Body) -> TokenStream {
    let (ident, vis, variant) = (&model.ident, &model.vis, &list.variant);
    let (method, after, invalidate) = (&list.method, &list.after, &list.invalidate);
    let index = Literal::usize_unsuffixed(index);
    let fields: Vec<_> = model.at(&list.fields).collect();
    let arguments: Vec<Ident> = fields
        .iter()
        .map(|field| format_ident!("by_{}", field.column.unraw(), span = field.column.span()))
        .collect();
    let types: Vec<_> = fields.iter().map(|field| &field.ty).collect();
    let columns: Vec<_> =
        fields.iter().map(|field| format!("`{}`", field.column.unraw())).collect();
    let rows = if columns.is_empty() {
        "rows".to_owned()
    } else {
        format!("rows with this {}", columns.join(" and "))
    };
    let limit = list.limit;
    let doc = format!(" The first {limit} {rows}, in the order that the model declares.");
    let after_doc =
        format!(" The next {limit} {rows}, after this one of them; always from the database.");
    let invalidate_doc = format!(
        " Forgets which are the first {rows}, after they were changed past the repository."
    );
    let (page, next, forget) = match body {
        Body::Real => {
            let parts = match arguments.as_slice() {
                [one] => quote!(&#one),
                all => quote!(&(#(&#all),*)),
            };
            let value = match arguments.as_slice() {
                [] => quote!(__Lookup::#variant()),
                all => quote!(__Lookup::#variant(#(::core::clone::Clone::clone(&#all)),*)),
            };
            (
                quote!(self.0.list(#index, #parts, || #value).await),
                quote!(self.0.list_after(#index, #value, __row).await),
                quote!(self.0.invalidate_list(#index, #parts).await),
            )
        }
        Body::Stub => {
            let stub = quote! {
                #(let _ = #arguments;)*
                ::core::unreachable!()
            };
            (stub.clone(), quote!({ let _ = __row; #stub }), stub)
        }
    };
    quote! {
        #[allow(dead_code)]
        #[doc = #doc]
        ///
        /// Which rows these are is cached, and so is each row by itself; all that are not come by
        /// one statement. As consistent as `find`, each row by itself.
        ///
        /// # Errors
        ///
        /// If something is not cached and the database did not answer.
        #vis async fn #method(
            &self,
            #(#arguments: #types,)*
        ) -> __c::Result<::std::vec::Vec<::std::sync::Arc<#ident>>> {
            #page
        }

        #[allow(dead_code)]
        #[doc = #after_doc]
        ///
        /// # Errors
        ///
        /// If the database did not answer.
        #vis async fn #after(
            &self,
            #(#arguments: #types,)*
            __row: &#ident,
        ) -> __c::Result<::std::vec::Vec<::std::sync::Arc<#ident>>> {
            #next
        }

        #[allow(dead_code)]
        #[doc = #invalidate_doc]
        #vis async fn #invalidate(&self, #(#arguments: #types,)*) {
            #forget
        }
    }
}

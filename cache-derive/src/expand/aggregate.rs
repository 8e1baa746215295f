//! Aggregates: what a root holds, and how a member finds its root.

use std::collections::HashSet;

use proc_macro2::{Literal, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Path;
use syn::spanned::Spanned;

use super::{Body, column, of_self};
use crate::fingerprint::compact;
use crate::model::Model;
use crate::valid::MAX_MEMBERS;

/// What the model is in an aggregate, for the descriptor.
pub(super) fn role(model: &Model) -> TokenStream {
    if let Some(spec) = &model.attrs.aggregate.value {
        let (owner, members) = (&spec.owner, spec.members.iter().map(last));
        return quote!(__c::Role::Root { owner: #owner, members: &[#(#members),*] });
    }
    match &model.member_of {
        Some((root, _)) => {
            let (name, owner) = (last(root), of_root(model, root, &quote!(owner)));
            quote!(__c::Role::Member { root: #name, owner: #owner })
        }
        None => quote!(__c::Role::Alone),
    }
}

/// What a member inherits.
pub(super) fn contract(model: &Model) -> Option<TokenStream> {
    let (root, _) = model.member_of.as_ref()?;
    Some(of_root(model, root, &quote!(contract)))
}

/// A function of the root and this member. It fails, where the root is named, unless that has
/// this member.
fn of_root(model: &Model, root: &Path, function: &TokenStream) -> TokenStream {
    let (ident, span) = (&model.ident, span(root));
    quote_spanned!(span=> __c::#function::<#root, #ident>())
}

fn span(path: &Path) -> proc_macro2::Span {
    path.span().resolved_at(proc_macro2::Span::call_site())
}

/// The name of a model.
fn last(path: &Path) -> String {
    path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default()
}

/// What `impl Model` says of it.
pub(super) fn in_model(model: &Model) -> Option<TokenStream> {
    if let Some(spec) = &model.attrs.aggregate.value {
        let members = &spec.members;
        return Some(quote! {
            fn members() -> ::std::vec::Vec<::core::any::TypeId> {
                ::std::vec![#(::core::any::TypeId::of::<#members>()),*]
            }
        });
    }
    let (root, by) = model.member_of.as_ref()?;
    let fields: Vec<_> = model.at(by).collect();
    let names: Vec<_> = (0..fields.len()).map(|index| format_ident!("__by_{index}")).collect();
    let key = match names.as_slice() {
        [one] => one.to_token_stream(),
        all => quote!((#(#all),*)),
    };
    let span = by_span(model);
    let mut visit = quote_spanned!(span=> __c::visit_root::<#root>(#key, __visit););
    // A row with NULL in it is a member of nothing.
    for (name, field) in names.iter().zip(fields).rev() {
        let value = of_self(model, field);
        visit = if field.is_nullable() {
            quote!(if let ::core::option::Option::Some(#name) = #value { #visit })
        } else {
            quote!(let #name = #value; #visit)
        };
    }
    Some(quote! {
        fn root() -> ::core::option::Option<::core::any::TypeId> {
            ::core::option::Option::Some(::core::any::TypeId::of::<#root>())
        }

        fn each_root(&self, __visit: &mut dyn ::core::ops::FnMut(&dyn __c::KeyParts)) {
            #visit
        }
    })
}

/// The declaration of the columns that lead to the root.
fn by_span(model: &Model) -> proc_macro2::Span {
    let names = model.attrs.by.value.as_deref().unwrap_or_default();
    let tokens: TokenStream = names.iter().flat_map(ToTokens::to_token_stream).collect();
    tokens.span().resolved_at(proc_macro2::Span::call_site())
}

/// The implementations on no backend.
pub(super) fn impls(model: &Model) -> TokenStream {
    let (root, member) = (root(model), member(model));
    quote!(#root #member)
}

fn root(model: &Model) -> Option<TokenStream> {
    let (spec, ident) = (model.attrs.aggregate.value.as_ref()?, &model.ident);
    // After the mistake of naming one twice, or too many, each stands once.
    let mut seen = HashSet::new();
    let name = |member: &&Path| compact(member.to_token_stream());
    let distinct = spec.members.iter().filter(|member| seen.insert(name(member)));
    let members: Vec<_> = distinct.take(MAX_MEMBERS).collect();
    let holds = members.iter().enumerate().map(|(index, member)| {
        let index = Literal::usize_unsuffixed(index);
        quote! {
            #[automatically_derived]
            impl __c::Holds<#member> for #ident {
                fn rows(__members: &<Self::Members as __c::Members>::Rows) -> &[#member] {
                    &__members.#index
                }
            }
        }
    });
    Some(quote! {
        #[automatically_derived]
        impl __c::Aggregate for #ident {
            type Members = (#(#members,)*);
        }

        #(#holds)*
    })
}

fn member(model: &Model) -> Option<TokenStream> {
    let ((root, _), ident) = (model.member_of.as_ref()?, &model.ident);
    let order = model.at(&model.key).map(|field| {
        let column = column(model, field);
        quote!((<#column as __diesel::Column>::NAME, false))
    });
    Some(quote! {
        #[automatically_derived]
        impl __c::MemberOf<#root> for #ident {
            const ORDER: &'static [(&'static str, bool)] = &[#(#order),*];
        }
    })
}

/// What this model and another must say together.
pub(super) fn assertions(model: &Model) -> TokenStream {
    let ident = &model.ident;
    let members = model.attrs.aggregate.value.iter().flat_map(|spec| &spec.members);
    let members = members.map(|member| {
        quote_spanned!(span(member)=> const _: () = __c::assert_member::<#member, #ident>();)
    });
    let weaker = model.member_of.as_ref().zip(model.attrs.consistency.at.as_ref());
    let weaker = weaker.map(|((root, _), at)| {
        let span = at.span().resolved_at(proc_macro2::Span::call_site());
        let message = format!(
            "`{ident}` is a member of `{root}`, which promises more: give `{ident}` a \
             `consistency` as strong, or none, to inherit it",
            root = last(root)
        );
        quote_spanned!(span=> const _: () = ::core::assert!(
            __c::is_as_strong::<#ident, #root>(),
            #message
        );)
    });
    quote!(#(#members)* #weaker)
}

/// The statement of a member on one backend.
pub(super) fn statement(model: &Model, body: &Body) -> Option<TokenStream> {
    let (root, by) = model.member_of.as_ref()?;
    let ident = &model.ident;
    let columns: Vec<_> = model.at(by).map(|field| column(model, field)).collect();
    let names: Vec<_> = (0..columns.len()).map(|index| format_ident!("__by_{index}")).collect();
    let of = match (body, columns.as_slice()) {
        (Body::Stub, _) => quote!({
            let _ = __root;
            ::core::unreachable!()
        }),
        (Body::Real, [one]) => quote!(__c::Condition::new(#one.eq(__root))),
        (Body::Real, all) => quote! {
            let (#(#names),*) = __root;
            __c::Condition::all([#(__c::Condition::new(#all.eq(#names))),*])
        },
    };
    Some(quote! {
        #[automatically_derived]
        impl __c::MemberRows<#root, __Db> for #ident {
            fn of(__root: <#root as __c::Model>::Key) -> __c::Condition<__Db> {
                #of
            }
        }
    })
}

//! What stands in for the expansion after a mistake: the same names and
//! traits, so that one mistake gives one error, and uses of the model none.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::Type;

use super::{Body, aggregate, behind, on_backend, repository, tuple};
use crate::attr::Backend;
use crate::model::{Field, Model};
use crate::valid::lifetime;

/// The implementations, none of which will ever run.
pub(super) fn expand(model: &Model) -> TokenStream {
    let ident = &model.ident;
    let finders = repository::finders(model, &Body::Stub);
    let key = key_type(model);
    let backends = if model.backends.is_empty() { &Backend::ALL[..] } else { &model.backends };
    let versioned = model.attrs.version.at.as_ref().map(|_| {
        quote! {
            #[automatically_derived]
            impl __c::Versioned for #ident {}
        }
    });
    let aggregate = aggregate::impls(model);
    let behind = behind::impls(model, &Body::Stub);
    let statements = statements(model);
    let statements = backends.iter().map(|backend| on_backend(model, *backend, &statements));
    quote! {
        #finders

        #[automatically_derived]
        impl __c::Model for #ident {
            type Key = #key;
            type Lookup = ();
            type Table = ();

            const DESCRIPTOR: __c::Descriptor = __c::Descriptor {
                model: "",
                columns: &[],
                key: &[],
                lookups: &[],
                lists: &[],
                lists_fingerprint: 0,
                concealed: __c::Concealing { lookups: &[], columns: &[] },
                version: ::core::option::Option::None,
                role: __c::Role::Alone,
                read_only: false,
                volatile: false,
                fingerprint: 0,
                policy: __c::Policy::new(__c::Pattern::CacheAside, ::core::time::Duration::ZERO),
            };

            fn key(&self) -> Self::Key {
                ::core::unreachable!()
            }

            fn each_lookup(&self, _: &mut dyn ::core::ops::FnMut(usize, &dyn __c::KeyParts)) {}

            fn encode_fields<__S: __c::serde::ser::SerializeTuple>(
                &self,
                _: &mut __S,
            ) -> ::core::result::Result<(), __S::Error> {
                ::core::unreachable!()
            }

            fn decode_fields<'de, __A: __c::serde::de::SeqAccess<'de>>(
                _: &mut __A,
            ) -> ::core::result::Result<Self, __A::Error> {
                ::core::unreachable!()
            }

            fn encode_key<__S: __c::serde::ser::SerializeTuple>(
                _: &Self::Key,
                _: &mut __S,
            ) -> ::core::result::Result<(), __S::Error> {
                ::core::unreachable!()
            }

            fn decode_key<'de, __A: __c::serde::de::SeqAccess<'de>>(
                _: &mut __A,
            ) -> ::core::result::Result<Self::Key, __A::Error> {
                ::core::unreachable!()
            }
        }

        #versioned
        #aggregate
        #behind

        #[automatically_derived]
        impl __c::Writable for #ident {}

        #(#statements)*
    }
}

/// The key as far as it is known, or else the likeliest.
fn key_type(model: &Model) -> TokenStream {
    let known = model.at(&model.key).map(Field::not_null);
    match (model.key.as_slice(), model.fields.first()) {
        ([], Some(first)) => first.not_null().to_token_stream(),
        ([], None) => quote!(i64),
        _ => tuple(known),
    }
}

fn statements(model: &Model) -> TokenStream {
    let ident = &model.ident;
    let inserts = owned(model.attrs.insert.value.as_ref());
    let changesets = owned(model.attrs.changeset.value.as_ref());
    let member = aggregate::statement(model, &Body::Stub);
    let save = model.attrs.save.at.as_ref().map(|_| {
        quote! {
            #[automatically_derived]
            impl __c::Save<__Db> for #ident {
                fn save(self) -> __c::Load<__Db, Self> {
                    ::core::unreachable!()
                }
            }
        }
    });
    quote! {
        #[automatically_derived]
        impl __c::FromRow<__Db> for #ident {
            fn from_row<'__a>(
                _: &impl __diesel::row::Row<'__a, __Db>,
            ) -> __diesel::deserialize::Result<Self> {
                ::core::unreachable!()
            }
        }

        #[automatically_derived]
        impl __c::Statements<__Db> for #ident {
            fn is(_: Self::Key) -> __c::Condition<__Db> {
                ::core::unreachable!()
            }

            fn among(_: ::std::vec::Vec<Self::Key>) -> __c::Condition<__Db> {
                ::core::unreachable!()
            }

            fn carries(_: Self::Lookup) -> __c::Condition<__Db> {
                ::core::unreachable!()
            }
        }

        #save
        #member

        #(
            #[automatically_derived]
            impl __c::Insert<#ident, __Db> for #inserts {
                fn insert(self) -> __c::Load<__Db, #ident> {
                    ::core::unreachable!()
                }

                fn insert_if_new(self) -> __c::Load<__Db, #ident> {
                    ::core::unreachable!()
                }
            }
        )*

        #(
            #[automatically_derived]
            impl __c::Change<#ident, __Db> for #changesets {
                fn update(self, _: __c::Condition<__Db>) -> __c::Load<__Db, #ident> {
                    ::core::unreachable!()
                }
            }
        )*

    }
}

/// The types that can be implemented for, each once.
fn owned(types: Option<&Vec<Type>>) -> Vec<&Type> {
    let mut owned: Vec<&Type> = Vec::new();
    for ty in types.into_iter().flatten() {
        if lifetime(ty.to_token_stream()).is_none() && !owned.contains(&ty) {
            owned.push(ty);
        }
    }
    owned
}

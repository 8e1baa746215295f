//! `#[derive(CachedEmbed)]`: a struct that Diesel embeds in models, whose fields are columns of
//! their tables.

use proc_macro2::TokenStream;
use quote::quote;
use syn::DeriveInput;

use super::{column, fields};
use crate::ctxt::Ctxt;
use crate::fingerprint;
use crate::model::{Field, Model};

/// The expansion, or the mistakes.
pub(crate) fn derive(input: &DeriveInput) -> TokenStream {
    let ctxt = Ctxt::new();
    let model = Model::embedded(&ctxt, input);
    if let Some(field) = model.iter().flat_map(Model::own).find(|field| field.embed) {
        ctxt.error(
            &field.ident,
            "an embedded struct cannot embed another in this release",
            "write the columns as fields of this struct",
        );
    }
    match (model, ctxt.check()) {
        (Some(model), Ok(())) => expand(&model),
        (_, Err(mistakes)) => mistakes.to_compile_error(),
        (None, Ok(())) => TokenStream::new(),
    }
}

fn expand(model: &Model) -> TokenStream {
    let (ident, krate) = (&model.ident, &model.krate);
    let wrappers = fields::wrappers(model);
    let own = model.own();
    let columns: Vec<_> = own.iter().map(|field| column(model, field)).collect();
    let types: Vec<_> = own.iter().map(|field: &Field| &field.ty).collect();
    let idents: Vec<_> = own.iter().map(|field| &field.ident).collect();
    let writes = own.iter().zip(&idents).map(|(it, name)| fields::write(it, &quote!(&self.#name)));
    let reads = own.iter().map(fields::read);
    let hash = fingerprint::of(model);
    let hash: TokenStream = format!("0x{hash:016x}").parse().unwrap_or_default();
    quote! {
        const _: () = {
            use #krate::__private as __c;
            use __c::diesel as __diesel;

            #wrappers

            #[automatically_derived]
            impl __c::Embed for #ident {
                type Columns = (#(#columns,)*);

                const COLUMNS: &'static [&'static str] =
                    &[#(<#columns as __diesel::Column>::NAME),*];
                const FINGERPRINT: u64 = #hash;

                fn encode_fields<__S: __c::serde::ser::SerializeTuple>(
                    &self,
                    __out: &mut __S,
                ) -> ::core::result::Result<(), __S::Error> {
                    #(#writes)*
                    ::core::result::Result::Ok(())
                }

                fn decode_fields<'de, __A: __c::serde::de::SeqAccess<'de>>(
                    __input: &mut __A,
                ) -> ::core::result::Result<Self, __A::Error> {
                    ::core::result::Result::Ok(Self { #(#idents: #reads,)* })
                }
            }

            #(
                #[automatically_derived]
                impl __c::Part<#columns> for #ident {
                    type Value = #types;

                    fn part(&self) -> &#types {
                        &self.#idents
                    }
                }
            )*
        };
    }
}

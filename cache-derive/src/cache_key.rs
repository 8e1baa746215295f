//! `#[derive(CacheKey)]`: a type of the user's as a part of a key.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DataEnum, DeriveInput, Member};

use crate::attr::KeyAttrs;
use crate::ctxt::Ctxt;

/// The expansion, or the mistakes.
pub(crate) fn derive(input: &DeriveInput) -> TokenStream {
    let ctxt = Ctxt::new();
    let attrs = KeyAttrs::read(&ctxt, &input.attrs);
    if !input.generics.params.is_empty() {
        ctxt.error(
            &input.generics,
            "`CacheKey` on a generic type is not implemented by this release",
            "write `impl KeyParts` and `impl AsKey` by hand, or use a type without parameters",
        );
    }
    let Some(parts) = parts(&ctxt, input) else {
        return ctxt.check().map_or_else(|error| error.to_compile_error(), |()| TokenStream::new());
    };
    if let Err(error) = ctxt.check() {
        return error.to_compile_error();
    }

    let ident = &input.ident;
    let krate = attrs.krate();
    quote! {
        const _: () = {
            use #krate::__private as __c;

            #[automatically_derived]
            impl __c::KeyParts for #ident {
                fn write_parts(&self, __out: &mut __c::KeyWriter) {
                    #parts
                }
            }

            #[automatically_derived]
            impl __c::AsKey<Self> for #ident {
                fn to_key(&self) -> Self {
                    ::core::clone::Clone::clone(self)
                }
            }
        };
    }
}

/// The statements that write the parts, unless the type is none that has them.
fn parts(ctxt: &Ctxt, input: &DeriveInput) -> Option<TokenStream> {
    match &input.data {
        Data::Struct(data) if !data.fields.is_empty() => {
            let fields = data.fields.members().zip(&data.fields);
            Some(fields.map(|(member, field)| part(&member, field.ty.span())).collect())
        }
        Data::Enum(data) if !data.variants.is_empty() => Some(name(ctxt, data)),
        _ => {
            ctxt.error(
                &input.ident,
                "`CacheKey` is for structs with at least one field, as `struct UserId(i64)`, and \
                 for enums with at least one variant",
                "write `impl KeyParts` and `impl AsKey` by hand: two values that differ must \
                 write different parts",
            );
            None
        }
    }
}

/// Writes one field; an error about its type points at the type.
fn part(member: &Member, span: proc_macro2::Span) -> TokenStream {
    let span = span.resolved_at(proc_macro2::Span::call_site());
    quote_spanned!(span=> __c::KeyParts::write_parts(&self.#member, __out);)
}

/// Writes the variant's name, which its order in the enum does not change.
fn name(ctxt: &Ctxt, data: &DataEnum) -> TokenStream {
    let arms = data.variants.iter().map(|variant| {
        if !variant.fields.is_empty() {
            ctxt.error(
                variant,
                "`CacheKey` on an enum whose variants have fields is not implemented by this release",
                "write `impl KeyParts` and `impl AsKey` by hand, or leave the fields out",
            );
        }
        let ident = &variant.ident;
        let name = ident.unraw().to_string();
        quote!(Self::#ident => #name,)
    });
    quote!(__c::KeyWriter::text(__out, match self { #(#arms)* });)
}

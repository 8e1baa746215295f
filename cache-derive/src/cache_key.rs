//! `#[derive(CacheKey)]`: a type of the user's as a part of a key.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Member};

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
    let fields = match &input.data {
        Data::Struct(data) => Some(&data.fields).filter(|fields| !fields.is_empty()),
        Data::Enum(_) | Data::Union(_) => None,
    };
    let Some(fields) = fields else {
        ctxt.error(
            &input.ident,
            "`CacheKey` is for structs with at least one field, as `struct UserId(i64)`",
            "write `impl KeyParts` and `impl AsKey` by hand: two values that differ must write \
             different parts",
        );
        return ctxt.check().map_or_else(|error| error.to_compile_error(), |()| TokenStream::new());
    };
    if let Err(error) = ctxt.check() {
        return error.to_compile_error();
    }

    let ident = &input.ident;
    let krate = attrs.krate();
    let parts = fields.members().zip(fields).map(|(member, field)| part(&member, field.ty.span()));
    quote! {
        const _: () = {
            use #krate::__private as __c;

            #[automatically_derived]
            impl __c::KeyParts for #ident {
                fn write_parts(&self, __out: &mut __c::KeyWriter) {
                    #(#parts)*
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

/// Writes one field; an error about its type points at the type.
fn part(member: &Member, span: proc_macro2::Span) -> TokenStream {
    let span = span.resolved_at(proc_macro2::Span::call_site());
    quote_spanned!(span=> __c::KeyParts::write_parts(&self.#member, __out);)
}

//! Fields to and from cached bytes, one by one and never by the model's own serde.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use crate::model::{Field, Model, camel_case};

/// A pair of wrappers for each field with `with`, as serde's derive makes them.
pub(super) fn wrappers(model: &Model) -> TokenStream {
    model.own().iter().filter_map(wrapper).collect()
}

fn wrapper(field: &Field) -> Option<TokenStream> {
    let with = field.with.as_ref()?;
    let ty = &field.ty;
    let (write, read) = names(field);
    // An error about what the module takes points at the type.
    let span = ty.span().resolved_at(proc_macro2::Span::call_site());
    let serialize = quote_spanned!(span=> #with::serialize(self.0, __serializer));
    let deserialize = quote_spanned!(span=> #with::deserialize(__deserializer));
    Some(quote! {
        struct #write<'__a>(&'__a #ty);

        #[automatically_derived]
        impl __c::serde::Serialize for #write<'_> {
            fn serialize<__S: __c::serde::Serializer>(
                &self,
                __serializer: __S,
            ) -> ::core::result::Result<__S::Ok, __S::Error> {
                #serialize
            }
        }

        struct #read(#ty);

        #[automatically_derived]
        impl<'de> __c::serde::Deserialize<'de> for #read {
            fn deserialize<__D: __c::serde::Deserializer<'de>>(
                __deserializer: __D,
            ) -> ::core::result::Result<Self, __D::Error> {
                ::core::result::Result::map(#deserialize, Self)
            }
        }
    })
}

/// The wrappers' names.
fn names(field: &Field) -> (Ident, Ident) {
    let name = camel_case(&field.ident.unraw().to_string());
    (format_ident!("__Write{name}"), format_ident!("__Read{name}"))
}

/// Writes one value of a field, given as a reference.
pub(super) fn write(field: &Field, reference: &TokenStream) -> TokenStream {
    // An error about the type points at the type.
    let ty = &field.ty;
    let span = ty.span().resolved_at(proc_macro2::Span::call_site());
    if field.embed {
        quote_spanned!(span=> __c::Embed::encode_fields(#reference, __out)?;)
    } else if field.with.is_some() {
        let (write, _) = names(field);
        quote_spanned!(span=> __c::put(__out, &#write(#reference))?;)
    } else {
        quote_spanned!(span=> __c::put::<#ty, __S>(__out, #reference)?;)
    }
}

/// Reads the next value as one of a field.
pub(super) fn read(field: &Field) -> TokenStream {
    let span = field.ty.span().resolved_at(proc_macro2::Span::call_site());
    if field.embed {
        quote_spanned!(span=> __c::Embed::decode_fields(__input)?)
    } else if field.with.is_some() {
        let (_, read) = names(field);
        quote_spanned!(span=> __c::next::<#read, __A>(__input)?.0)
    } else {
        quote_spanned!(span=> __c::next(__input)?)
    }
}

/// A value of a field, given as a reference, as something that serde writes.
pub(super) fn writable(field: &Field, reference: &TokenStream) -> TokenStream {
    if field.with.is_some() {
        let (write, _) = names(field);
        return quote!(&#write(#reference));
    }
    quote!(#reference)
}

/// The type by which serde reads a value of a field, and how the value comes from one of it.
pub(super) fn readable(field: &Field, read: &TokenStream) -> (TokenStream, TokenStream) {
    if field.with.is_some() {
        let (_, name) = names(field);
        return (quote!(#name), quote!(#read.0));
    }
    let ty = &field.ty;
    (quote!(#ty), quote!(#read))
}

//! `impl Model`, and the check of the key against the table's.

use proc_macro2::{Literal, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::{Body, aggregate, behind, column, fields, key_type, lookups, of_self, tuple};
use crate::attr::{Consistency, OnWrite, Pattern};
use crate::fingerprint;
use crate::model::{Field, Model};

/// The implementation.
pub(super) fn expand(model: &Model) -> TokenStream {
    let (ident, table) = (&model.ident, &model.table);
    let wrappers = fields::wrappers(model);
    let primary_key = primary_key(model);
    let (lookup_enum, lookup) = lookups::values(model);
    let descriptor = descriptor(model);
    let key_type = key_type(model);
    let key = key(model);
    let version = version(model);
    let versioned = model.version().map(|_| {
        quote! {
            #[automatically_derived]
            impl __c::Versioned for #ident {}
        }
    });
    let each_lookup = lookups::each(model);
    let changes = changes(model);
    let in_aggregate = aggregate::in_model(model);
    let (aggregate, assertions) = (aggregate::impls(model), aggregate::assertions(model));
    let codec = codec(model);
    let behind = behind::impls(model, &Body::Real);
    let direct = model.attrs.read_only.value.is_none() && !behind::is_behind(model);
    let writable = direct.then(|| {
        quote! {
            #[automatically_derived]
            impl __c::Writable for #ident {}
        }
    });
    quote! {
        #lookup_enum
        #wrappers
        #primary_key

        #[automatically_derived]
        impl __c::Model for #ident {
            type Key = #key_type;
            type Lookup = #lookup;
            type Table = #table::table;

            const DESCRIPTOR: __c::Descriptor = #descriptor;

            #key
            #version
            #each_lookup
            #changes
            #in_aggregate
            #codec
        }

        #versioned
        #writable
        #behind
        #aggregate
        #assertions
    }
}

/// Keyed by another column than the table's primary key, rows would mix.
fn primary_key(model: &Model) -> TokenStream {
    let table = &model.table;
    // A mistake points at the key's declaration, not at the fields.
    let span = model.key_at.span().resolved_at(proc_macro2::Span::call_site());
    let columns = model.at(model.table_key()).map(|field| {
        let mut column = field.column.clone();
        column.set_span(span);
        quote_spanned!(span=> #table::#column)
    });
    let columns: Vec<_> = columns.collect();
    let declared = match columns.as_slice() {
        [one] => one.clone(),
        all => quote_spanned!(span=> (#(#all),*)),
    };
    quote! {
        const _: () = __c::assert_primary_key::<
            #declared,
            <#table::table as __diesel::Table>::PrimaryKey,
        >();
    }
}

fn descriptor(model: &Model) -> TokenStream {
    let name = syn::ext::IdentExt::unraw(&model.ident).to_string();
    let names = |field: &Field| {
        let column = column(model, field);
        quote!(<#column as __diesel::Column>::NAME)
    };
    let columns = columns(model, &names);
    let key = model.at(&model.key).map(names);
    let lookups = model.lookups.iter().map(|lookup| &lookup.name);
    let lists = model.lists.iter().map(|list| {
        let (name, limit) = (&list.name, Literal::u32_unsuffixed(list.limit));
        let order = list.order.iter().filter_map(|(index, descending)| {
            let name = model.fields.get(*index).map(names)?;
            Some(quote!((#name, #descending)))
        });
        quote!(__c::ListOf { name: #name, order: &[#(#order),*], limit: #limit })
    });
    let concealed = model.concealed().map(|(index, _)| Literal::usize_unsuffixed(index));
    let concealed_columns =
        model.concealed().flat_map(|(_, lookup)| model.at(&lookup.fields)).map(names);
    let version = match model.version().map(names) {
        Some(name) => quote!(::core::option::Option::Some(#name)),
        None => quote!(::core::option::Option::None),
    };
    let embedded: Vec<_> =
        model.own().iter().filter(|field| field.embed).map(|field| &field.ty).collect();
    let fingerprint = |hash: u64| {
        let hash: TokenStream = format!("0x{hash:016x}").parse().unwrap_or_default();
        match embedded.as_slice() {
            [] => hash,
            types => {
                quote!(__c::fingerprint_with(#hash, &[#(<#types as __c::Embed>::FINGERPRINT),*]))
            }
        }
    };
    let lists_fingerprint = match model.lists.as_slice() {
        [] => quote!(0),
        _ => fingerprint(fingerprint::of_lists(model)),
    };
    let fingerprint = fingerprint(fingerprint::of(model));
    let (read_only, volatile) = (model.attrs.read_only.value.is_some(), !model.volatile.is_empty());
    let (role, policy) = (aggregate::role(model), policy(model));
    quote! {
        __c::Descriptor {
            model: #name,
            columns: #columns,
            key: &[#(#key),*],
            lookups: &[#(#lookups),*],
            lists: &[#(#lists),*],
            lists_fingerprint: #lists_fingerprint,
            concealed: __c::Concealing {
                lookups: &[#(#concealed),*],
                columns: &[#(#concealed_columns),*],
            },
            version: #version,
            role: #role,
            read_only: #read_only,
            volatile: #volatile,
            fingerprint: #fingerprint,
            policy: #policy,
        }
    }
}

/// The columns' names; those of an embedded struct where it stands.
fn columns(model: &Model, name: &dyn Fn(&Field) -> TokenStream) -> TokenStream {
    let own = model.own();
    if !own.iter().any(|field| field.embed) {
        let names = own.iter().map(name);
        return quote!(&[#(#names),*]);
    }
    let parts: Vec<_> = own
        .iter()
        .map(|field| {
            let (ty, embed) = (&field.ty, field.embed);
            if embed { quote!(<#ty as __c::Embed>::COLUMNS) } else { name(field) }
        })
        .zip(own)
        .map(|(tokens, field)| if field.embed { tokens } else { quote!(&[#tokens]) })
        .collect();
    quote! {
        {
            const __PARTS: &[&[&str]] = &[#(#parts),*];
            const __ALL: [&str; __c::length_of(__PARTS)] = __c::joined(__PARTS);
            &__ALL
        }
    }
}

fn policy(model: &Model) -> TokenStream {
    let attrs = &model.attrs;
    let duration = |duration: std::time::Duration| {
        // That it fits is checked where it is read.
        let millis =
            Literal::u64_unsuffixed(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
        quote!(::core::time::Duration::from_millis(#millis))
    };
    let pattern = match attrs.pattern.value {
        // A missing pattern has been reported, and then this is not reached.
        Some(Pattern::CacheAside) | None => quote!(__c::Pattern::CacheAside),
        Some(Pattern::WriteThrough) => quote!(__c::Pattern::WriteThrough),
        Some(Pattern::WriteBehind) => quote!(__c::Pattern::WriteBehind),
    };
    let consistency = attrs.consistency.value.and_then(|consistency| match consistency {
        // Of a member it is another promise than the one it would inherit.
        Consistency::Eventual if model.member_of.is_none() => None,
        Consistency::Eventual => Some(quote!(.consistency(__c::Consistency::Eventual))),
        Consistency::Bounded(bound) => {
            let bound = duration(bound);
            Some(quote!(.consistency(__c::Consistency::Bounded(#bound))))
        }
        Consistency::Fenced => Some(quote!(.consistency(__c::Consistency::Fenced))),
        Consistency::Validated => Some(quote!(.consistency(__c::Consistency::Validated))),
    });
    let ttl = duration(attrs.ttl.value.unwrap_or_default());
    let declared = match aggregate::contract(model) {
        None => quote!(__c::Policy::new(#pattern, #ttl)),
        Some(inherited) => {
            let pattern = attrs.pattern.value.map(|_| quote!(.with_pattern(#pattern)));
            let ttl = attrs.ttl.value.map(|_| quote!(.with_ttl(#ttl)));
            quote!(#inherited #pattern #ttl)
        }
    };
    let jitter = attrs.jitter.value.map(|percent| {
        let percent = Literal::u8_unsuffixed(percent);
        quote!(.jitter_percent(#percent))
    });
    let negative = attrs.negative_ttl.value.map(|ttl| {
        let ttl = duration(ttl);
        quote!(.negative_ttl(#ttl))
    });
    let bulk = attrs.bulk.value.map(|rows| {
        let rows = Literal::u32_unsuffixed(rows);
        quote!(.bulk(#rows))
    });
    let on_write = attrs.on_write.value.map(|on_write| match on_write {
        OnWrite::Invalidate => quote!(.on_write(__c::OnWrite::Invalidate)),
        OnWrite::Refresh => quote!(.on_write(__c::OnWrite::Refresh)),
    });
    quote!(#declared #jitter #negative #on_write #consistency #bulk)
}

fn key(model: &Model) -> TokenStream {
    let key = tuple(model.at(&model.key).map(|field| {
        let part = of_self(model, field);
        quote!(::core::clone::Clone::clone(#part))
    }));
    quote! {
        fn key(&self) -> Self::Key {
            #key
        }
    }
}

/// Where none is declared, the trait's own answer will do.
fn version(model: &Model) -> Option<TokenStream> {
    let field = model.version()?;
    let value = of_self(model, field);
    let span = field.ty.span().resolved_at(proc_macro2::Span::call_site());
    let number = quote_spanned!(span=> ::core::convert::From::from(*#value));
    Some(quote! {
        fn version(&self) -> ::core::option::Option<i64> {
            ::core::option::Option::Some(#number)
        }
    })
}

/// What a model says of its rows beyond their values; where it says nothing, the trait's own
/// answer will do.
fn changes(model: &Model) -> TokenStream {
    let expires = model.at(model.expires_at.as_slice()).map(|field| {
        let value = of_self(model, field);
        quote! {
            fn expires_at(&self) -> ::core::option::Option<::std::time::SystemTime> {
                __c::ExpiresAt::expires_at(#value)
            }
        }
    });
    let expires: TokenStream = expires.collect();
    if model.volatile.is_empty() {
        return expires;
    }
    let kept = (0..model.own().len()).filter(|index| !model.volatile.contains(index));
    let same = kept.filter_map(|index| model.fields.get(index)).map(|field| {
        let ident = &field.ident;
        let span = field.ty.span().resolved_at(proc_macro2::Span::call_site());
        quote_spanned!(span=> self.#ident == __other.#ident)
    });
    quote! {
        #expires

        fn same_but_volatile(&self, __other: &Self) -> bool {
            #(#same)&&*
        }
    }
}

/// The four functions between fields and cached bytes.
fn codec(model: &Model) -> TokenStream {
    let writes = model.own().iter().map(|field| {
        let ident = &field.ident;
        fields::write(field, &quote!(&self.#ident))
    });
    let reads = model.own().iter().map(|field| {
        let ident = &field.ident;
        let read = fields::read(field);
        quote!(#ident: #read,)
    });
    let key_writes = model.at(&model.key).enumerate().map(|(index, field)| {
        let index = Literal::usize_unsuffixed(index);
        let reference = if model.key.len() == 1 { quote!(__key) } else { quote!(&__key.#index) };
        fields::write(field, &reference)
    });
    let key_read = match model.at(&model.key).collect::<Vec<_>>().as_slice() {
        // `Ok(..?)` would be one step too many for Clippy.
        [one] if one.with.is_none() => quote!(__c::next(__input)),
        several => {
            let key = tuple(several.iter().map(|field| fields::read(field)));
            quote!(::core::result::Result::Ok(#key))
        }
    };
    quote! {
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
            ::core::result::Result::Ok(Self { #(#reads)* })
        }

        fn encode_key<__S: __c::serde::ser::SerializeTuple>(
            __key: &Self::Key,
            __out: &mut __S,
        ) -> ::core::result::Result<(), __S::Error> {
            #(#key_writes)*
            ::core::result::Result::Ok(())
        }

        fn decode_key<'de, __A: __c::serde::de::SeqAccess<'de>>(
            __input: &mut __A,
        ) -> ::core::result::Result<Self::Key, __A::Error> {
            #key_read
        }
    }
}

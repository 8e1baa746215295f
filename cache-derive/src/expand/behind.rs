//! Writing behind: the delta of a model, and how a backend comes from pending writes to rows.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use super::{Body, column, fields, key_type};
use crate::attr::{Pattern, Rule};
use crate::model::{Field, Model};

pub(super) fn is_behind(model: &Model) -> bool {
    model.attrs.pattern.value == Some(Pattern::WriteBehind)
}

fn name(model: &Model) -> Ident {
    format_ident!("{}Delta", model.ident.unraw(), span = model.ident.span())
}

fn merged(model: &Model) -> impl Iterator<Item = (&Field, Rule)> {
    let all = model.merged.iter();
    all.filter_map(|(index, rule)| Some((model.fields.get(*index)?, *rule)))
}

/// The type, beside the model, with a method for each column.
pub(super) fn delta(model: &Model) -> Option<TokenStream> {
    if !is_behind(model) {
        return None;
    }
    let (ident, vis, name) = (&model.ident, &model.vis, name(model));
    let doc = format!(
        " Changes of single columns of [`{0}`], each by its rule; made by `{0}::delta()`.",
        ident.unraw()
    );
    let fields = merged(model).map(|(field, _)| {
        let (ident, ty) = (&field.ident, &field.ty);
        quote!(#ident: ::core::option::Option<#ty>)
    });
    let setters = merged(model).map(|(field, rule)| {
        let (ident, ty) = (&field.ident, &field.ty);
        let doc = match rule {
            Rule::Last => " Replaces the column's value.",
            Rule::Add => " Adds to the column's value.",
            Rule::Max => " Replaces the column's value if this one is greater.",
            Rule::Min => " Replaces the column's value if this one is less.",
        };
        quote! {
            #[allow(dead_code)]
            #[doc = #doc]
            #[must_use]
            #vis fn #ident(mut self, __value: #ty) -> Self {
                self.#ident = ::core::option::Option::Some(__value);
                self
            }
        }
    });
    Some(quote! {
        #[doc = #doc]
        #[derive(::core::default::Default)]
        #vis struct #name {
            #(#fields,)*
        }

        impl #name {
            #(#setters)*
        }

        impl #ident {
            /// No changes, to begin with.
            #[allow(dead_code)]
            #vis fn delta() -> #name {
                ::core::default::Default::default()
            }
        }
    })
}

/// That the model has an outbox, and what its deltas say.
pub(super) fn impls(model: &Model, body: &Body) -> Option<TokenStream> {
    if !is_behind(model) {
        return None;
    }
    let (ident, name) = (&model.ident, name(model));
    let payload = match body {
        Body::Stub => quote!(::core::unreachable!()),
        Body::Real => {
            let sets = merged(model).map(|(field, _)| {
                let (ident, column) = (&field.ident, column(model, field));
                let value = fields::writable(field, &quote!(__value));
                quote! {
                    if let ::core::option::Option::Some(__value) = &self.#ident {
                        __out.set(<#column as __diesel::Column>::NAME, #value)?;
                    }
                }
            });
            quote! {
                let mut __out = __c::ColumnValues::default();
                #(#sets)*
                ::core::result::Result::Ok(__out)
            }
        }
    };
    Some(quote! {
        #[automatically_derived]
        impl __c::WriteBehind for #ident {
            type Delta = #name;
        }

        #[automatically_derived]
        impl __c::Delta for #name {
            fn payload(&self) -> ::core::result::Result<__c::ColumnValues, __c::BoxError> {
                #payload
            }
        }
    })
}

/// How a backend comes from pending writes to rows.
pub(super) fn statement(model: &Model) -> Option<TokenStream> {
    if !is_behind(model) {
        return None;
    }
    let table = &model.table;
    let outbox = outbox(model);
    let apply = merged(model).map(|(field, rule)| apply(model, field, rule));
    let missing = missing(model);
    let upgrade = model.attrs.outbox.value.as_ref().and_then(|spec| spec.upgrade.value.as_ref());
    let upgrade = match upgrade {
        Some(path) => quote!(::core::option::Option::Some(#path)),
        None => quote!(::core::option::Option::None),
    };
    let (touch, conflicts) = (touch(model), conflicts(model));
    Some(quote! {
        fn behind() -> ::core::option::Option<__c::Behind<__Db, Self>> {
            ::core::option::Option::Some(__c::Behind {
                outbox: #outbox,
                values: |__row| __c::RowValues::new::<#table::table, _>(
                    __diesel::Insertable::<#table::table>::values(__row).values,
                ),
                apply: |__row, __delta| {
                    #(#apply)*
                    ::core::result::Result::Ok(())
                },
                missing: #missing,
                upgrade: #upgrade,
                touch: #touch,
                conflicts: #conflicts,
            })
        }
    })
}

/// What a read writes.
fn touch(model: &Model) -> TokenStream {
    let field = model.touched.and_then(|index| model.fields.get(index));
    let Some((field, spec)) = field.zip(model.attrs.touch_on_read.value.as_ref()) else {
        return quote!(::core::option::Option::None);
    };
    let ident = &field.ident;
    let millis = Literal::u64_unsuffixed(u64::try_from(spec.every.as_millis()).unwrap_or(u64::MAX));
    // An error about the type points at it.
    let span = field.ty.span().resolved_at(proc_macro2::Span::call_site());
    quote_spanned! {span=>
        ::core::option::Option::Some(|__row: &Self, __now| {
            __c::touch(
                &__row.#ident,
                __now,
                ::core::time::Duration::from_millis(#millis),
                |__value| Self::delta().#ident(__value),
            )
        })
    }
}

/// How a row's version tells of other programs.
fn conflicts(model: &Model) -> TokenStream {
    let rule = model.attrs.on_conflict.value.zip(model.version());
    let Some((overwrites, field)) = rule else { return quote!(::core::option::Option::None) };
    let ident = &field.ident;
    let on = if overwrites { quote!(Overwrite) } else { quote!(Reject) };
    quote! {
        ::core::option::Option::Some(__c::Conflicts {
            on: __c::OnConflict::#on,
            set: |__row, __version| {
                __row.#ident = ::core::convert::TryFrom::try_from(__version)?;
                ::core::result::Result::Ok(())
            },
        })
    }
}

fn outbox(model: &Model) -> TokenStream {
    let Some(spec) = &model.attrs.outbox.value else { return quote!(__c::Outbox::new()) };
    let pending = spec.max_pending.value.map(|rows| {
        let rows = Literal::u32_unsuffixed(rows);
        quote!(.max_pending(#rows))
    });
    let age = spec.max_age.value.map(|age| {
        let millis = Literal::u64_unsuffixed(u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
        quote!(.max_age(::core::time::Duration::from_millis(#millis)))
    });
    let full = spec.on_full.value.unwrap_or_default();
    let full = full.then(|| quote!(.on_full(__c::OnFull::Wait)));
    let parked = spec.on_parked.value.unwrap_or_default();
    let parked = parked.then(|| quote!(.on_parked(__c::OnParked::Queue)));
    let version = spec.version.value.map(|version| {
        let version = Literal::u32_unsuffixed(version);
        quote!(.version(#version))
    });
    quote!(__c::Outbox::new() #pending #age #full #parked #version)
}

/// One column of a delta, by its rule.
fn apply(model: &Model, field: &Field, rule: Rule) -> TokenStream {
    let (ident, column) = (&field.ident, column(model, field));
    let (ty, value) = fields::readable(field, &quote!(__value));
    // An error about the rule points at the column's type.
    let span = field.ty.span().resolved_at(proc_macro2::Span::call_site());
    let merge = match rule {
        Rule::Last => quote!(__row.#ident = #value;),
        Rule::Add => quote_spanned!(span=> __c::add(&mut __row.#ident, #value)?;),
        Rule::Max => quote_spanned!(span=> __c::max(&mut __row.#ident, #value);),
        Rule::Min if field.is_nullable() => {
            quote_spanned!(span=> __c::min_some(&mut __row.#ident, #value);)
        }
        Rule::Min => quote_spanned!(span=> __c::min(&mut __row.#ident, #value);),
    };
    quote! {
        if let ::core::option::Option::Some(__value) =
            __delta.get::<#ty>(<#column as __diesel::Column>::NAME)?
        {
            #merge
        }
    }
}

/// The row that a delta begins with.
fn missing(model: &Model) -> TokenStream {
    let spec = model.attrs.outbox.value.as_ref();
    if !spec.and_then(|spec| spec.on_missing.value).unwrap_or_default() {
        return quote!(::core::option::Option::None);
    }
    let key_type = key_type(model);
    let sets = model.at(&model.key).enumerate().map(|(index, field)| {
        let ident = &field.ident;
        let index = Literal::usize_unsuffixed(index);
        match model.key.len() {
            1 => quote!(__row.#ident = __key;),
            _ => quote!(__row.#ident = __key.#index;),
        }
    });
    quote! {
        ::core::option::Option::Some(|__key: #key_type| {
            let mut __row = <Self as ::core::default::Default>::default();
            #(#sets)*
            __row
        })
    }
}

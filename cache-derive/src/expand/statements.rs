//! The statements, once for each backend: the same tokens, with `__Db` another type.

use proc_macro2::{Literal, TokenStream};
use quote::quote;
use syn::Type;

use super::{column, on_backend, tuple};
use crate::model::{Field, Model};

/// All statements on all of the model's backends.
pub(super) fn expand(model: &Model) -> TokenStream {
    let columns: Vec<_> = model.fields.iter().map(|field| column(model, field)).collect();
    let methods = methods(model);
    let statements = statements(model);
    let inserts = types(model.attrs.insert.value.as_ref());
    let changesets = types(model.attrs.changeset.value.as_ref());
    let insert = inserts.iter().map(|ty| insert(model, ty));
    let change = changesets.iter().map(|ty| change(model, ty));
    let pairs =
        inserts.iter().flat_map(|insert| changesets.iter().map(move |change| (insert, change)));
    let upsert = pairs.map(|(insert, change)| upsert(model, insert, change));
    let items = quote! {
        #methods

        type __Columns = (#(#columns,)*);

        #statements
        #(#insert)*
        #(#change)*
        #(#upsert)*
    };
    model.backends.iter().map(|backend| on_backend(model, *backend, &items)).collect()
}

/// Diesel's methods that the statements call, no more, lest an import be unused.
fn methods(model: &Model) -> TokenStream {
    let several = |fields: &Vec<usize>| fields.len() > 1;
    let and = (several(&model.key) || model.lookups.iter().any(|lookup| several(&lookup.fields)))
        .then(|| quote!(BoolExpressionMethods as _,));
    // `filter` is called by updates alone.
    let filter = model.attrs.changeset.value.is_some().then(|| quote!(QueryDsl as _,));
    quote!(use __diesel::{#and ExpressionMethods as _, #filter};)
}

fn types(types: Option<&Vec<Type>>) -> &[Type] {
    types.map_or(&[], Vec::as_slice)
}

fn statements(model: &Model) -> TokenStream {
    let ident = &model.ident;
    let by_keys = by_keys(model);
    let by_key = by_key(model);
    let by_lookup = model.lookups.iter().map(|lookup| {
        let variant = &lookup.variant;
        let names: Vec<_> = (0..lookup.fields.len()).map(part).collect();
        let filter = all_equal(model, &lookup.fields, &names);
        quote! {
            __Lookup::#variant(#(#names),*) => {
                __c::Load::select_where(#filter)
            }
        }
    });
    quote! {
        #[automatically_derived]
        impl __c::FromRow<__Db> for #ident {
            fn from_row<'__a>(
                __row: &impl __diesel::row::Row<'__a, __Db>,
            ) -> __diesel::deserialize::Result<Self> {
                <Self as __diesel::deserialize::FromSqlRow<
                    __diesel::dsl::SqlTypeOf<__Columns>,
                    __Db,
                >>::build_from_row(__row)
            }
        }

        #[automatically_derived]
        impl __c::Statements<__Db> for #ident {
            fn by_keys(__keys: ::std::vec::Vec<Self::Key>) -> __c::Load<__Db, Self> {
                __c::Load::select_where(#by_keys)
            }

            fn by_lookup(__lookup: Self::Lookup) -> __c::Load<__Db, Self> {
                match __lookup {
                    #(#by_lookup)*
                }
            }

            fn delete(__key: Self::Key) -> __c::Load<__Db, Self> {
                __c::Load::delete_where(#by_key)
            }
        }
    }
}

fn insert(model: &Model, ty: &Type) -> TokenStream {
    let (ident, table) = (&model.ident, &model.table);
    quote! {
        #[automatically_derived]
        impl __c::Insert<#ident, __Db> for #ty {
            fn insert(self) -> __c::Load<__Db, #ident> {
                __c::Load::returning(__diesel::insert_into(#table::table).values(self))
            }
        }
    }
}

fn change(model: &Model, ty: &Type) -> TokenStream {
    let (ident, table) = (&model.ident, &model.table);
    let by_key = by_key(model);
    quote! {
        #[automatically_derived]
        impl __c::Change<#ident, __Db> for #ty {
            fn update(self, __key: <#ident as __c::Model>::Key) -> __c::Load<__Db, #ident> {
                __c::Load::returning(__diesel::update(#table::table.filter(#by_key)).set(self))
            }
        }
    }
}

fn upsert(model: &Model, insert: &Type, change: &Type) -> TokenStream {
    let (ident, table) = (&model.ident, &model.table);
    let conflict = tuple(model.at(&model.key).map(|field| column(model, field)));
    quote! {
        #[automatically_derived]
        impl __c::Upsert<#ident, __Db, #change> for #insert {
            fn upsert(self, __change: #change) -> __c::Load<__Db, #ident> {
                __c::Load::returning(
                    __diesel::insert_into(#table::table)
                        .values(self)
                        .on_conflict(#conflict)
                        .do_update()
                        .set(__change),
                )
            }
        }
    }
}

/// The condition for `keys`.
fn by_keys(model: &Model) -> TokenStream {
    if let [one] = model.at(&model.key).collect::<Vec<&Field>>().as_slice() {
        let column = column(model, one);
        return quote!(#column.eq_any(__keys));
    }
    let names: Vec<_> = (0..model.key.len()).map(part).collect();
    let equal = all_equal(model, &model.key, &names);
    quote!(__c::KeysIn::new(__keys.into_iter().map(|(#(#names),*)| #equal)))
}

/// The condition for `key`.
fn by_key(model: &Model) -> TokenStream {
    let values: Vec<_> = match model.key.len() {
        1 => vec![quote!(__key)],
        parts => (0..parts)
            .map(|index| {
                let index = Literal::usize_unsuffixed(index);
                quote!(__key.#index)
            })
            .collect(),
    };
    all_equal(model, &model.key, &values)
}

/// `a = x AND b = y ..`
fn all_equal(model: &Model, fields: &[usize], values: &[TokenStream]) -> TokenStream {
    let equal = model.at(fields).zip(values).map(|(field, value)| {
        let column = column(model, field);
        quote!(#column.eq(#value))
    });
    let all = equal.reduce(|all, next| quote!(#all.and(#next)));
    all.unwrap_or_default()
}

/// A name for the part of a key.
fn part(index: usize) -> TokenStream {
    let name = quote::format_ident!("__part_{index}");
    quote!(#name)
}

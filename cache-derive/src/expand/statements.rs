//! The statements, once for each backend: the same tokens, with `__Db` another type, but for
//! inserts and upserts where the backend cannot return the row.

use proc_macro2::{Literal, TokenStream};
use quote::quote;
use syn::Type;

use super::{Body, aggregate, behind, column, lookups, of, on_backend, tuple};
use crate::attr::{Backend, Consistency};
use crate::model::{Field, List, Lookup, Model};

/// All statements on all of the model's backends.
pub(super) fn expand(model: &Model) -> TokenStream {
    let columns: Vec<_> = model
        .own()
        .iter()
        .map(|field| {
            let (ty, column) = (&field.ty, column(model, field));
            if field.embed {
                quote!(<#ty as __c::Embed>::Columns)
            } else if field.selected.is_some() && field.is_nullable() {
                // Where there is nothing to join, every column of it is NULL.
                quote!(__diesel::dsl::Nullable<#column>)
            } else {
                column
            }
        })
        .collect();
    let methods = methods(model);
    let statements = statements(model);
    let inserts = types(model.attrs.insert.value.as_ref());
    let changesets = types(model.attrs.changeset.value.as_ref());
    let change: Vec<_> = changesets.iter().map(|ty| change(model, ty)).collect();
    let save = model.attrs.save.value.map(|()| save(model));
    let member = aggregate::statement(model, &Body::Real);
    let items = |backend| {
        let insert = inserts.iter().map(|ty| insert(model, ty, backend));
        quote! {
            #methods

            type __Columns = (#(#columns,)*);

            #statements
            #(#insert)*
            #(#change)*
            #save
            #member
        }
    };
    model.backends.iter().map(|backend| on_backend(model, *backend, &items(*backend))).collect()
}

/// The values of an insert by themselves, for a backend that reads the row back by its key. The
/// type is one that only Diesel can name; its field is not.
fn values_of(model: &Model, values: &TokenStream) -> TokenStream {
    let table = &model.table;
    quote!(__diesel::Insertable::<#table::table>::values(#values).values)
}

/// Diesel's methods that the statements call, no more, lest an import be unused.
fn methods(model: &Model) -> TokenStream {
    let lookup = |lookup: &Lookup| lookup.fields.len() > 1 || lookup.when.is_some();
    let and = (model.key.len() > 1 || model.lookups.iter().any(lookup))
        .then(|| quote!(BoolExpressionMethods as _,));
    // `filter` is called by updates alone.
    let updates = model.attrs.changeset.value.is_some() || model.attrs.save.value.is_some();
    let filter = updates.then(|| quote!(QueryDsl as _,));
    quote!(use __diesel::{#and ExpressionMethods as _, #filter};)
}

fn types(types: Option<&Vec<Type>>) -> &[Type] {
    types.map_or(&[], Vec::as_slice)
}

fn statements(model: &Model) -> TokenStream {
    let ident = &model.ident;
    let among = among(model);
    let is = is(model);
    let carries = model.lookups.iter().map(|lookup| carries(model, lookup));
    let shares = model.lists.iter().map(|list| shares(model, list));
    let after = (!model.lists.is_empty()).then(|| after(model));
    let joined = (!model.depends_on.is_empty()).then(|| joined(model));
    let validated = model.attrs.consistency.value == Some(Consistency::Validated);
    let key_from_row = (validated || !model.depends_on.is_empty()).then(|| key_from_row(model));
    let concealed = model.concealed().next().map(|_| concealed(model));
    let behind = behind::statement(model);
    quote! {
        #[automatically_derived]
        impl __c::FromRow<__Db> for #ident {
            fn from_row<'__a>(
                __row: &impl __diesel::row::Row<'__a, __Db>,
            ) -> __diesel::deserialize::Result<Self> {
                <Self as __c::ReadFrom<__diesel::dsl::SqlTypeOf<__Columns>, __Db>>::read_from(__row)
            }
        }

        #[automatically_derived]
        impl __c::Statements<__Db> for #ident {
            fn is(__key: Self::Key) -> __c::Condition<__Db> {
                __c::Condition::by_key(#is)
            }

            fn among(__keys: ::std::vec::Vec<Self::Key>) -> __c::Condition<__Db> {
                __c::Condition::by_key(#among)
            }

            fn carries(__lookup: Self::Lookup) -> __c::Condition<__Db> {
                match __lookup {
                    #(#carries)*
                    #(#shares)*
                }
            }

            #after
            #key_from_row
            #joined
            #concealed
            #behind
        }
    }
}

fn insert(model: &Model, ty: &Type, backend: Backend) -> TokenStream {
    let (ident, table) = (&model.ident, &model.table);
    let values = with_version(model, &quote!(self), &first(model));
    let (insert, insert_if_new) = match backend {
        Backend::Sqlite | Backend::Postgres => {
            let insert = quote!(__diesel::insert_into(#table::table).values(#values));
            (
                quote!(__c::Load::returning(#insert)),
                quote!(__c::Load::returning(#insert.on_conflict_do_nothing())),
            )
        }
        Backend::Mysql => {
            let values = values_of(model, &values);
            let insert = quote!(__c::Load::inserted(#values));
            (insert.clone(), quote!(#insert.if_new()))
        }
    };
    quote! {
        #[automatically_derived]
        impl __c::Insert<#ident, __Db> for #ty {
            fn insert(self) -> __c::Load<__Db, #ident> {
                #insert
            }

            fn insert_if_new(self) -> __c::Load<__Db, #ident> {
                #insert_if_new
            }
        }
    }
}

fn change(model: &Model, ty: &Type) -> TokenStream {
    let (ident, table) = (&model.ident, &model.table);
    let changes = with_version(model, &quote!(self), &next(model));
    quote! {
        #[automatically_derived]
        impl __c::Change<#ident, __Db> for #ty {
            fn update(self, __rows: __c::Condition<__Db>) -> __c::Load<__Db, #ident> {
                __c::Load::updated(
                    ::core::clone::Clone::clone(&__rows),
                    __diesel::update(#table::table.filter(__rows)).set(#changes),
                )
            }
        }
    }
}

/// Every column but the key, as the row has it.
fn save(model: &Model) -> TokenStream {
    let (ident, table) = (&model.ident, &model.table);
    let saved = model.saved().map(|field| {
        let (column, ident) = (column(model, field), &field.ident);
        quote!(#column.eq(self.#ident))
    });
    let next = next(model);
    quote! {
        #[automatically_derived]
        impl __c::Save<__Db> for #ident {
            fn save(self) -> __c::Load<__Db, Self> {
                let __row = <Self as __c::Statements<__Db>>::is(__c::Model::key(&self));
                __c::Load::updated(
                    ::core::clone::Clone::clone(&__row),
                    __diesel::update(#table::table.filter(__row)).set((#(#saved,)* #next)),
                )
            }
        }
    }
}

/// The values, and the version beside them if there is one.
fn with_version(model: &Model, values: &TokenStream, version: &Option<TokenStream>) -> TokenStream {
    match (model.version(), version) {
        (Some(_), Some(version)) => quote!((#values, #version)),
        _ => values.clone(),
    }
}

/// `version = ..`, of a row that is inserted.
fn first(model: &Model) -> Option<TokenStream> {
    let column = column(model, model.version()?);
    Some(quote!(#column.eq(__c::first_version::<__diesel::dsl::SqlTypeOf<#column>>())))
}

/// `version = ..`, of a row that is changed.
fn next(model: &Model) -> Option<TokenStream> {
    let column = column(model, model.version()?);
    Some(quote! {
        #column.eq(__c::next_version::<__diesel::dsl::SqlTypeOf<#column>>(
            <#column as __diesel::Column>::NAME,
        ))
    })
}

/// The condition for `keys`.
fn among(model: &Model) -> TokenStream {
    if let [one] = model.at(&model.key).collect::<Vec<&Field>>().as_slice() {
        let column = column(model, one);
        return quote!(#column.eq_any(__keys));
    }
    let names: Vec<_> = (0..model.key.len()).map(part).collect();
    let equal = all_equal(model, &model.key, &names);
    quote!(__c::KeysIn::new(__keys.into_iter().map(|(#(#names),*)| #equal)))
}

/// The condition for `key`.
fn is(model: &Model) -> TokenStream {
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

/// The rows that have a unique value.
fn carries(model: &Model, lookup: &Lookup) -> TokenStream {
    let variant = &lookup.variant;
    let names: Vec<_> = (0..lookup.fields.len()).map(part).collect();
    let last = names.len().saturating_sub(1);
    let equal = model.at(&lookup.fields).zip(&names).enumerate().map(|(place, (field, value))| {
        let column = column(model, field);
        match lookup.normalize.as_ref().filter(|_| place == last) {
            Some(path) => quote!(#path::column(#column).eq(#value)),
            None => quote!(#column.eq(#value)),
        }
    });
    let when = lookup.when.iter().map(|path| quote!(#path::condition()));
    let all = equal.chain(when).reduce(|all, next| quote!(#all.and(#next)));
    quote! {
        __Lookup::#variant(#(#names),*) => {
            __c::Condition::new(#all)
        }
    }
}

/// The rows of a list.
fn shares(model: &Model, list: &List) -> TokenStream {
    let variant = &list.variant;
    let names: Vec<_> = (0..list.fields.len()).map(part).collect();
    let equal = model.at(&list.fields).zip(&names).map(|(field, value)| {
        let column = column(model, field);
        if !field.is_nullable() {
            return quote!(__c::Condition::new(#column.eq(#value)));
        }
        quote! {
            match #value {
                ::core::option::Option::Some(__value) => __c::Condition::new(#column.eq(__value)),
                ::core::option::Option::None => __c::Condition::new(#column.is_null()),
            }
        }
    });
    let when = list.when.iter().map(|path| quote!(__c::Condition::new(#path::condition())));
    let all = equal.chain(when);
    quote! {
        __Lookup::#variant(#(#names),*) => __c::Condition::all([#(#all),*]),
    }
}

/// The rows of a list that stand after one of them.
fn after(model: &Model) -> TokenStream {
    let lists = model.lists.iter().enumerate().map(|(index, list)| {
        let index = Literal::usize_unsuffixed(index);
        let steps = list.order.iter().filter_map(|(index, descending)| {
            let field = model.fields.get(*index)?;
            let (column, value) = (column(model, field), of(model, field, &quote!(__row)));
            let beyond = if *descending { quote!(lt) } else { quote!(gt) };
            Some(quote! {
                (
                    __c::Condition::new(#column.#beyond(::core::clone::Clone::clone(#value))),
                    __c::Condition::new(#column.eq(::core::clone::Clone::clone(#value))),
                )
            })
        });
        quote!(#index => __c::Condition::after([#(#steps),*]),)
    });
    quote! {
        fn after(__list: usize, __row: &Self) -> __c::Condition<__Db> {
            match __list {
                #(#lists)*
                _ => __c::Condition::all([]),
            }
        }
    }
}

/// The values of lookups by columns that the struct leaves out, from a row of these columns.
fn concealed(model: &Model) -> TokenStream {
    let fields: Vec<&Field> =
        model.concealed().flat_map(|(_, lookup)| model.at(&lookup.fields)).collect();
    let columns = fields.iter().map(|field| column(model, field));
    let types = fields.iter().map(|field| &field.ty);
    let names: Vec<_> = (0..fields.len()).map(part).collect();
    let mut rest = names.iter();
    let visits = model.concealed().map(|(index, lookup)| {
        let values = rest.by_ref().take(lookup.fields.len()).map(|name| quote!(&#name)).collect();
        lookups::visit(index, &lookups::normal(model, lookup, values), None)
    });
    let visits: Vec<_> = visits.collect();
    quote! {
        fn each_concealed<'__a>(
            __row: &impl __diesel::row::Row<'__a, __Db>,
            __visit: &mut dyn ::core::ops::FnMut(usize, &dyn __c::KeyParts),
        ) -> __diesel::deserialize::Result<()> {
            let (#(#names,)*): (#(#types,)*) = __diesel::deserialize::FromSqlRow::<
                __diesel::dsl::SqlTypeOf<(#(#columns,)*)>,
                __Db,
            >::build_from_row(__row)?;
            #(#visits)*
            ::core::result::Result::Ok(())
        }
    }
}

/// What the rows depend on, and what is selected where that is more than the table has.
fn joined(model: &Model) -> TokenStream {
    let depends = model.depends_on.iter().filter_map(|(other, via)| {
        let field = model.fields.get(*via)?;
        let by_key = model.key == [*via];
        let (via, nullable) = (column(model, field), field.is_nullable());
        Some(quote! {
            __c::Dependency::new::<#other, #via>(#nullable, #by_key, |__keys| {
                __c::Condition::new(#via.eq_any(__keys))
            })
        })
    });
    let joined = |field: &&Field| field.selected.is_some();
    let selects = model.own().iter().any(|field| joined(&field)).then(|| {
        let columns = model.own().iter().map(|field| column(model, field));
        let tables = model.own().iter().filter(joined).map(|field| column(model, field));
        quote! {
            fn selected() -> ::core::option::Option<__c::Selected<__Db>> {
                ::core::option::Option::Some(__c::Selected::new(
                    (#(#columns,)*),
                    [#(__c::table_of::<#tables>()),*],
                ))
            }
        }
    });
    quote! {
        fn dependencies() -> ::std::vec::Vec<__c::Dependency<__Db>> {
            ::std::vec![#(#depends),*]
        }

        #selects
    }
}

/// How a row that begins with its key is read.
fn key_from_row(model: &Model) -> TokenStream {
    let key = tuple(model.at(&model.key).map(|field| column(model, field)));
    quote! {
        fn key_from_row<'__a>(
            __row: &impl __diesel::row::Row<'__a, __Db>,
        ) -> __diesel::deserialize::Result<Self::Key> {
            __diesel::deserialize::FromSqlRow::<__diesel::dsl::SqlTypeOf<#key>, __Db>::build_from_row(
                __row,
            )
        }
    }
}

/// A name for the part of a key.
fn part(index: usize) -> TokenStream {
    let name = quote::format_ident!("__part_{index}");
    quote!(#name)
}

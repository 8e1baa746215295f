//! A cached field.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::{Data, DeriveInput, Fields, GenericArgument, Path, PathArguments, Type};

use crate::attr::{FieldAttrs, Selected};
use crate::ctxt::Ctxt;

/// A cached field, or a part of an embedded one that an attribute names.
pub(crate) struct Field {
    pub(crate) ident: Ident,
    pub(crate) column: Ident,
    pub(crate) ty: Type,
    pub(crate) with: Option<Path>,
    /// It is a struct whose fields are columns of this table.
    pub(crate) embed: bool,
    /// Where it is said that an insert leaves it out.
    pub(crate) skipped: Option<Ident>,
    /// It is a column of another table.
    pub(crate) selected: Option<Selected>,
    /// The embedded field that this one is a part of.
    pub(crate) within: Option<Ident>,
    /// It is a column that the struct leaves out.
    pub(crate) concealed: bool,
}

impl Field {
    /// The type of its values other than NULL.
    pub(crate) fn not_null(&self) -> &Type {
        option_of(&self.ty).unwrap_or(&self.ty)
    }

    /// Whether the column can be NULL.
    pub(crate) fn is_nullable(&self) -> bool {
        option_of(&self.ty).is_some()
    }

    /// A reference to its value in `row`. `column` is its column's path.
    pub(crate) fn of(&self, row: &TokenStream, column: &TokenStream) -> TokenStream {
        let ident = &self.ident;
        match &self.within {
            None => quote!(&#row.#ident),
            Some(outer) => quote!(__c::Part::<#column>::part(&#row.#outer)),
        }
    }
}

/// The fields of a struct that can be a model.
pub(super) fn all(ctxt: &Ctxt, input: &DeriveInput) -> Vec<Field> {
    let what = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(named) if !named.named.is_empty() => {
                return named.named.iter().filter_map(|it| field(ctxt, it)).collect();
            }
            Fields::Named(_) | Fields::Unit => "a struct without fields",
            Fields::Unnamed(_) => "a tuple struct",
        },
        Data::Enum(_) => "an enum",
        Data::Union(_) => "a union",
    };
    ctxt.error(
        &input.ident,
        format!("{what} cannot be a cached model"),
        "derive `Cached` on a struct with one named field for each column, as for `Queryable`",
    );
    Vec::new()
}

fn field(ctxt: &Ctxt, field: &syn::Field) -> Option<Field> {
    let attrs = FieldAttrs::read(ctxt, &field.attrs);
    let ident = relocated(field.ident.as_ref()?);
    let joined = attrs.selected.as_ref().and_then(|selected| selected.column.as_ref());
    let joined = joined.and_then(|path| path.segments.last()).map(|last| &last.ident);
    Some(Field {
        column: attrs.column.as_ref().or(joined).map_or_else(|| ident.clone(), relocated),
        ident,
        ty: field.ty.clone(),
        with: attrs.with.value,
        embed: attrs.embed,
        skipped: attrs.skipped,
        selected: attrs.selected,
        within: None,
        concealed: false,
    })
}

/// The name where the user wrote it, but as a part of the expansion, so that
/// lints on the user's own code leave it alone.
pub(super) fn relocated(ident: &Ident) -> Ident {
    let mut ident = ident.clone();
    ident.set_span(ident.span().resolved_at(Span::call_site()));
    ident
}

/// `T` of an `Option<T>`, however the path to it is written.
fn option_of(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == "Option")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first()? {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    }
}

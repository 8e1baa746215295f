//! A model as declared: its fields and attributes, resolved against each other.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident};
use syn::ext::IdentExt;
use syn::{Data, DeriveInput, Fields, GenericArgument, Path, PathArguments, Type, Visibility};

use crate::attr::{Backend, FieldAttrs, StructAttrs, Unsupported, form};
use crate::ctxt::Ctxt;

/// A model. After a mistake it holds what could still be understood, for the stub.
pub(crate) struct Model {
    pub(crate) ident: Ident,
    /// The name as written, for mistakes to point at.
    pub(crate) ident_at: Ident,
    pub(crate) vis: Visibility,
    /// The path of cache-runtime.
    pub(crate) krate: Path,
    /// The module that `table!` made.
    pub(crate) table: Path,
    pub(crate) fields: Vec<Field>,
    /// The key's fields, by index, in order.
    pub(crate) key: Vec<usize>,
    /// Where the key is declared.
    pub(crate) key_at: TokenStream,
    pub(crate) lookups: Vec<Lookup>,
    /// The version's field, by index.
    pub(crate) version: Option<usize>,
    pub(crate) backends: Vec<Backend>,
    /// The name of the repository's type parameter.
    pub(crate) db: Ident,
    pub(crate) attrs: StructAttrs,
}

/// A cached field.
pub(crate) struct Field {
    pub(crate) ident: Ident,
    pub(crate) column: Ident,
    pub(crate) ty: Type,
    pub(crate) with: Option<Path>,
    pub(crate) unsupported: Option<Unsupported>,
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
}

/// A unique lookup.
pub(crate) struct Lookup {
    /// Its fields, by index, in order.
    pub(crate) fields: Vec<usize>,
    /// Its names, as written.
    pub(crate) at: TokenStream,
    /// `a_and_b`
    pub(crate) name: String,
    /// Its variant in the lookup enum.
    pub(crate) variant: Ident,
    /// `find_by_a_and_b`
    pub(crate) method: Ident,
    /// The method that forgets where a value leads.
    pub(crate) invalidate: Ident,
}

impl Lookup {
    /// Whether it names a field twice, which is a mistake.
    pub(crate) fn repeats(&self) -> bool {
        (1..self.fields.len()).any(|end| self.fields[..end].contains(&self.fields[end]))
    }
}

impl Model {
    /// Reads a struct; `None` if the item is not one that can be a model at all.
    pub(crate) fn read(ctxt: &Ctxt, input: &DeriveInput) -> Option<Self> {
        let attrs = StructAttrs::read(ctxt, &input.attrs);
        if !input.generics.params.is_empty() {
            ctxt.error(
                &input.generics,
                "a generic struct cannot be a cached model: its entries would share one name",
                "derive `Cached` on a struct without parameters, one for each table",
            );
            return None;
        }
        let fields = fields(ctxt, input);
        let mut model = Self {
            ident: relocated(&input.ident),
            ident_at: input.ident.clone(),
            vis: input.vis.clone(),
            krate: attrs.krate.value.clone().unwrap_or_else(|| syn::parse_quote!(::cache_runtime)),
            table: attrs.table.clone().unwrap_or_else(|| default_table(&input.ident)),
            fields,
            key: Vec::new(),
            key_at: TokenStream::new(),
            lookups: Vec::new(),
            version: None,
            backends: Vec::new(),
            db: type_parameter(input),
            attrs,
        };
        model.resolve_backends(ctxt);
        // Without fields no name can be right, and that mistake is reported.
        if !model.fields.is_empty() {
            model.resolve_key(ctxt);
            model.resolve_lookups(ctxt);
            if let Some(name) = model.attrs.version.value.clone() {
                let found = model.find_all(ctxt, &[name], "so it cannot be its version");
                model.version = found.first().copied();
            }
        }
        Some(model)
    }

    /// The fields with these indices.
    pub(crate) fn at<'a>(&'a self, indices: &'a [usize]) -> impl Iterator<Item = &'a Field> {
        indices.iter().filter_map(|index| self.fields.get(*index))
    }

    /// The field that holds the version.
    pub(crate) fn version(&self) -> Option<&Field> {
        self.fields.get(self.version?)
    }

    /// What `save` writes: every field but the key and the version.
    pub(crate) fn saved(&self) -> impl Iterator<Item = &Field> {
        let kept = |index: &usize| !self.key.contains(index) && self.version != Some(*index);
        (0..self.fields.len()).filter(kept).filter_map(|index| self.fields.get(index))
    }

    /// What to point at if an attribute is missing.
    pub(crate) fn missing_at(&self) -> TokenStream {
        self.attrs.at.clone().unwrap_or_else(|| self.ident_at.to_token_stream())
    }

    /// A field by its column's name, or else by its own.
    fn find(&self, name: &Ident) -> Option<usize> {
        let name = name.unraw();
        let by_column = self.fields.iter().position(|field| field.column.unraw() == name);
        by_column.or_else(|| self.fields.iter().position(|field| field.ident.unraw() == name))
    }

    fn find_all(&self, ctxt: &Ctxt, names: &[Ident], why: &str) -> Vec<usize> {
        let mut found = Vec::new();
        for name in names {
            match self.find(name) {
                Some(index) => found.push(index),
                None => ctxt.error(
                    name,
                    format!("`{}` has no field or column `{name}`, {why}", self.ident),
                    format!("add the field, or name one of {}", self.field_names()),
                ),
            }
        }
        found
    }

    fn field_names(&self) -> String {
        let names = self.fields.iter().map(|field| format!("`{}`", field.column.unraw()));
        names.collect::<Vec<_>>().join(", ")
    }

    fn resolve_key(&mut self, ctxt: &Ctxt) {
        // A wrong `key(..)` is reported; the table's own says nothing about it then.
        if self.attrs.key.at.is_some() && self.attrs.key.value.is_none() {
            return;
        }
        let stated = self.attrs.key.value.as_ref().or(self.attrs.primary_key.as_ref());
        if let Some(names) = stated {
            self.key_at = names.iter().flat_map(ToTokens::to_token_stream).collect();
            self.key = self.find_all(ctxt, names, "which its key needs");
            return;
        }
        self.key_at = self.ident_at.to_token_stream();
        match self.find(&format_ident!("id")) {
            Some(index) => self.key.push(index),
            None => ctxt.error(
                &self.ident_at,
                format!("`{}` has no field `id` to be its key", self.ident),
                format!(
                    "name the primary key of the table, in its order: `#[cached({})]` or \
                     `#[diesel(primary_key(column))]`",
                    form("key")
                ),
            ),
        }
    }

    fn resolve_lookups(&mut self, ctxt: &Ctxt) {
        for names in &self.attrs.unique {
            let fields = self.find_all(ctxt, names, "so no row can be found by it");
            let Some(first) = fields.first().and_then(|index| self.fields.get(*index)) else {
                continue;
            };
            let span = first.ident.span();
            let columns = self.at(&fields).map(|field| field.column.unraw().to_string());
            let name = columns.collect::<Vec<_>>().join("_and_");
            self.lookups.push(Lookup {
                at: names.iter().flat_map(ToTokens::to_token_stream).collect(),
                variant: Ident::new(&camel_case(&name), span),
                method: format_ident!("find_by_{name}", span = span),
                invalidate: format_ident!("invalidate_by_{name}", span = span),
                name,
                fields,
            });
        }
    }

    fn resolve_backends(&mut self, ctxt: &Ctxt) {
        if let Some(stated) = &self.attrs.backends.value {
            self.backends.clone_from(stated);
            return;
        }
        self.backends = Backend::ALL.to_vec();
        let Some(checked) = &self.attrs.checked_backends else { return };
        let named = |name: &str| {
            checked.iter().any(|path| path.segments.last().is_some_and(|last| last.ident == name))
        };
        self.backends.retain(|backend| match backend {
            Backend::Sqlite => named("Sqlite"),
            Backend::Postgres => named("Pg"),
            Backend::Mysql => named("Mysql"),
        });
        if self.backends.is_empty() && self.attrs.backends.at.is_none() {
            ctxt.error(
                checked.first(),
                "`check_for_backend` names no backend that this release can cache",
                format!(
                    "name `diesel::sqlite::Sqlite`, `diesel::pg::Pg` or `diesel::mysql::Mysql` there, \
                     or write `{}`",
                    form("backends")
                ),
            );
        }
    }
}

fn fields(ctxt: &Ctxt, input: &DeriveInput) -> Vec<Field> {
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
    Some(Field {
        column: attrs.column.as_ref().map_or_else(|| ident.clone(), relocated),
        ident,
        ty: field.ty.clone(),
        with: attrs.with.value,
        unsupported: attrs.unsupported,
    })
}

/// The name where the user wrote it, but as a part of the expansion, so that
/// lints on the user's own code leave it alone.
fn relocated(ident: &Ident) -> Ident {
    let mut ident = ident.clone();
    ident.set_span(ident.span().resolved_at(Span::call_site()));
    ident
}

/// The table that Diesel's derives take if none is named: `BlogPost` is in `blog_posts`.
fn default_table(ident: &Ident) -> Path {
    let mut name = String::new();
    for letter in ident.unraw().to_string().chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    name.push('s');
    Ident::new(&name, ident.span().resolved_at(Span::call_site())).into()
}

/// `a_b` as `AB`, for the names of types and variants.
pub(crate) fn camel_case(name: &str) -> String {
    let mut camel = String::new();
    for word in name.split('_') {
        let mut letters = word.chars();
        camel.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        camel.extend(letters);
    }
    camel
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

/// `D`, unless a type of the user's has that name and would be hidden by it.
fn type_parameter(input: &DeriveInput) -> Ident {
    fn holds_d(tokens: TokenStream) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Ident(ident) => ident == "D",
            TokenTree::Group(group) => holds_d(group.stream()),
            _ => false,
        })
    }
    let name = if holds_d(input.to_token_stream()) { "__D" } else { "D" };
    Ident::new(name, Span::call_site())
}

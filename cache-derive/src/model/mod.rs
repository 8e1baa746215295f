//! A model as declared: its fields and attributes, resolved against each other.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident};
use syn::ext::IdentExt;
use syn::{DeriveInput, Path, Type, Visibility};

use crate::attr::{Backend, Pattern, Rule, StructAttrs, form};
use crate::ctxt::Ctxt;
use crate::values::Named;

mod field;
mod lookup;

pub(crate) use field::Field;
pub(crate) use lookup::{List, Lookup, repeats};

use field::relocated;

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
    /// First its own fields, then those parts of embedded ones that its attributes name.
    pub(crate) fields: Vec<Field>,
    /// How many fields are its own.
    own: usize,
    /// The key's fields, by index, in order.
    pub(crate) key: Vec<usize>,
    /// Where the key is declared.
    pub(crate) key_at: TokenStream,
    /// The tenant's field, by index.
    pub(crate) tenant: Option<usize>,
    /// The tenant stands before the key that the table has.
    tenant_is_added: bool,
    pub(crate) lookups: Vec<Lookup>,
    pub(crate) lists: Vec<List>,
    /// The version's field, by index.
    pub(crate) version: Option<usize>,
    /// The field that says when a row expires, by index.
    pub(crate) expires_at: Option<usize>,
    /// The fields that others change, by index.
    pub(crate) volatile: Vec<usize>,
    /// The models whose rows this one shows something of, each with the field that leads there.
    pub(crate) depends_on: Vec<(Path, usize)>,
    /// The root that its rows are members of, and the fields that hold the root's key.
    pub(crate) member_of: Option<(Path, Vec<usize>)>,
    /// The columns that a delta can set, by index, each with its rule; none unless it is written
    /// behind.
    pub(crate) merged: Vec<(usize, Rule)>,
    /// The column that says when a row was read, by index.
    pub(crate) touched: Option<usize>,
    pub(crate) backends: Vec<Backend>,
    /// The name of the repository's type parameter.
    pub(crate) db: Ident,
    pub(crate) attrs: StructAttrs,
}

impl Model {
    /// Reads a struct; `None` if the item is not one that can be a model at all.
    pub(crate) fn read(ctxt: &Ctxt, input: &DeriveInput) -> Option<Self> {
        let attrs = StructAttrs::read(ctxt, &input.attrs);
        let mut model = Self::read_fields(ctxt, input, attrs)?;
        model.resolve_backends(ctxt);
        // Without fields no name can be right, and that mistake is reported.
        if !model.fields.is_empty() {
            model.resolve(ctxt);
        }
        Some(model)
    }

    fn read_fields(ctxt: &Ctxt, input: &DeriveInput, attrs: StructAttrs) -> Option<Self> {
        if !input.generics.params.is_empty() {
            ctxt.error(
                &input.generics,
                "a generic struct cannot be a cached model: its entries would share one name",
                "derive `Cached` on a struct without parameters, one for each table",
            );
            return None;
        }
        let fields = field::all(ctxt, input);
        Some(Self {
            ident: relocated(&input.ident),
            ident_at: input.ident.clone(),
            vis: input.vis.clone(),
            krate: attrs.krate.value.clone().unwrap_or_else(|| syn::parse_quote!(::cache_runtime)),
            table: attrs.table.clone().unwrap_or_else(|| default_table(&input.ident)),
            own: fields.len(),
            fields,
            key: Vec::new(),
            key_at: TokenStream::new(),
            tenant: None,
            tenant_is_added: false,
            lookups: Vec::new(),
            lists: Vec::new(),
            version: None,
            expires_at: None,
            volatile: Vec::new(),
            depends_on: Vec::new(),
            member_of: None,
            merged: Vec::new(),
            touched: None,
            backends: Vec::new(),
            db: type_parameter(input),
            attrs,
        })
    }

    /// Resolves the names that attributes say.
    fn resolve(&mut self, ctxt: &Ctxt) {
        let one = |model: &mut Self, name: Option<Named>, why| {
            model.find_all(ctxt, name.as_slice(), why).first().copied()
        };
        let name = self.attrs.tenant.value.clone();
        self.tenant = one(self, name, "so rows cannot be told apart by it");
        self.resolve_key(ctxt);
        self.resolve_lookups(ctxt);
        self.resolve_lists(ctxt);
        let name = self.attrs.version.value.clone();
        self.version = one(self, name, "so it cannot be its version");
        let name = self.attrs.expires_at.value.clone();
        self.expires_at = one(self, name, "so its rows cannot expire by it");
        let names = self.attrs.volatile.value.clone().unwrap_or_default();
        self.volatile = self.find_all(ctxt, &names, "so it cannot be volatile");
        let by = self.attrs.by.value.clone().unwrap_or_default();
        let by = self.find_all(ctxt, &by, "so it leads to no root");
        if let Some(root) = self.attrs.member_of.value.clone() {
            self.member_of = Some((root, self.scoped(by)));
        }
        self.resolve_merge(ctxt);
        self.resolve_touch(ctxt);
        for spec in std::mem::take(&mut self.attrs.depends_on) {
            let via = one(self, Some(spec.via), "so it leads to no other row");
            self.depends_on.extend(via.map(|via| (spec.model, via)));
        }
    }

    /// Every column but the key and the version takes deltas, by `last` where nothing else is said.
    fn resolve_merge(&mut self, ctxt: &Ctxt) {
        if self.attrs.pattern.value != Some(Pattern::WriteBehind) {
            return;
        }
        let kept =
            (0..self.own).filter(|index| !self.key.contains(index) && Some(*index) != self.version);
        let mut merged: Vec<(usize, Rule)> = kept.map(|index| (index, Rule::Last)).collect();
        for merge in self.attrs.merge.value.clone().unwrap_or_default() {
            let named = Named::from(merge.column);
            let why = "so it cannot be merged";
            for index in self.find_all(ctxt, std::slice::from_ref(&named), why) {
                match merged.iter_mut().find(|(known, _)| *known == index) {
                    Some((_, rule)) => *rule = merge.rule,
                    None => ctxt.error(
                        &named,
                        format!(
                            "`{}` is part of the key, or the version: no delta changes it",
                            named.name
                        ),
                        "remove it from `merge(..)`",
                    ),
                }
            }
        }
        self.merged = merged;
    }

    /// The column is one that takes the greatest of its deltas, whether or not that is said.
    fn resolve_touch(&mut self, ctxt: &Ctxt) {
        let Some(spec) = self.attrs.touch_on_read.value.clone() else { return };
        let merges = self.attrs.merge.value.iter().flatten();
        let other = merges.filter(|it| it.column == spec.column && it.rule != Rule::Max);
        for merge in other {
            ctxt.error(
                &merge.column,
                format!("`{}` says when a row was read last: it is merged by \"max\"", spec.column),
                format!("remove it from `merge(..)`, or write `{} = \"max\"`", spec.column),
            );
        }
        let named = Named::from(spec.column);
        let found = self.find_all(ctxt, std::slice::from_ref(&named), "so no read is noted there");
        if self.merged.is_empty() {
            // It is not written behind, which is said elsewhere.
            return;
        }
        for index in found {
            match self.merged.iter_mut().find(|(known, _)| *known == index) {
                Some((_, rule)) => (*rule, self.touched) = (Rule::Max, Some(index)),
                None => ctxt.error(
                    &named,
                    format!(
                        "`{}` is part of the key, or the version: no read changes it",
                        named.name
                    ),
                    "name another column",
                ),
            }
        }
    }

    /// Reads a struct that others embed: its fields and its table alone.
    pub(crate) fn embedded(ctxt: &Ctxt, input: &DeriveInput) -> Option<Self> {
        let attrs = StructAttrs::read(ctxt, &input.attrs);
        for said in attrs.said_beside(&["crate", "cache_version"]) {
            ctxt.error(
                &said,
                format!("`{said}` does not go on an embedded struct"),
                "put it on the model that embeds this struct",
            );
        }
        Self::read_fields(ctxt, input, attrs)
    }

    /// The lookups by columns that the struct leaves out, with their indices.
    pub(crate) fn concealed(&self) -> impl Iterator<Item = (usize, &Lookup)> {
        let all = self.lookups.iter().enumerate();
        all.filter(|(_, lookup)| self.at(&lookup.fields).any(|field| field.concealed))
    }

    /// The fields that the struct has itself.
    pub(crate) fn own(&self) -> &[Field] {
        &self.fields[..self.own]
    }

    /// The key as the table has it: without the tenant, where that was put before it.
    pub(crate) fn table_key(&self) -> &[usize] {
        match self.key.split_first() {
            Some((first, rest)) if self.tenant_is_added && Some(*first) == self.tenant => rest,
            _ => &self.key,
        }
    }

    /// The fields with these indices.
    pub(crate) fn at<'a>(&'a self, indices: &'a [usize]) -> impl Iterator<Item = &'a Field> {
        indices.iter().filter_map(|index| self.fields.get(*index))
    }

    /// The field that holds the version.
    pub(crate) fn version(&self) -> Option<&Field> {
        self.fields.get(self.version?)
    }

    /// What `save` writes: every field but the key, the version and what is volatile.
    pub(crate) fn saved(&self) -> impl Iterator<Item = &Field> {
        let kept = |index: &usize| {
            !self.key.contains(index)
                && !self.volatile.contains(index)
                && self.version != Some(*index)
        };
        (0..self.own).filter(kept).filter_map(|index| self.fields.get(index))
    }

    /// What to point at if an attribute is missing.
    pub(crate) fn missing_at(&self) -> TokenStream {
        self.attrs.at.clone().unwrap_or_else(|| self.ident_at.to_token_stream())
    }

    /// A field by its column's name, or else by its own.
    fn find(&mut self, named: &Named) -> Option<usize> {
        let Named { within, name, ty } = named;
        let column = relocated(name);
        if let Some(ty) = ty {
            self.fields.push(Field { concealed: true, ..part(column, ty.clone()) });
            return Some(self.fields.len() - 1);
        }
        let Some(within) = within else { return self.find_own(name) };
        let known = |field: &Field| field.within.as_ref() == Some(within) && field.column == *name;
        if let Some(index) = self.fields.iter().position(known) {
            return Some(index);
        }
        let outer = self.own().iter().find(|field| field.embed && field.ident == *within)?;
        let (outer_ty, table) = (&outer.ty, &self.table);
        let ty = syn::parse_quote!(<#outer_ty as __c::Part<#table::#column>>::Value);
        let within = Some(outer.ident.clone());
        self.fields.push(Field { within, ..part(column, ty) });
        Some(self.fields.len() - 1)
    }

    fn find_own(&self, name: &Ident) -> Option<usize> {
        let (name, own) = (name.unraw(), self.own());
        let by_column = own.iter().position(|field| !field.embed && field.column.unraw() == name);
        by_column.or_else(|| own.iter().position(|field| field.ident.unraw() == name))
    }

    fn find_all(&mut self, ctxt: &Ctxt, names: &[Named], why: &str) -> Vec<usize> {
        let mut found = Vec::new();
        for named in names {
            match self.find(named) {
                Some(index) => found.push(index),
                None => {
                    let path = match &named.within {
                        Some(within) => format!("{within}.{}", named.name),
                        None => named.name.to_string(),
                    };
                    ctxt.error(
                        named,
                        format!("`{}` has no field or column `{path}`, {why}", self.ident),
                        format!("add the field, or name one of {}", self.field_names()),
                    );
                }
            }
        }
        found
    }

    fn field_names(&self) -> String {
        let names = self.own().iter().map(|field| format!("`{}`", field.column.unraw()));
        names.collect::<Vec<_>>().join(", ")
    }

    fn resolve_key(&mut self, ctxt: &Ctxt) {
        // A wrong `key(..)` is reported; the table's own says nothing about it then.
        if self.attrs.key.at.is_some() && self.attrs.key.value.is_none() {
            return;
        }
        let stated = self.attrs.key.value.clone().or_else(|| self.attrs.primary_key.clone());
        if let Some(names) = stated {
            self.key_at = names.iter().flat_map(ToTokens::to_token_stream).collect();
            self.key = self.find_all(ctxt, &names, "which its key needs");
            self.add_tenant();
            return;
        }
        self.key_at = self.ident_at.to_token_stream();
        match self.find_own(&format_ident!("id")) {
            Some(index) => {
                self.key.push(index);
                self.add_tenant();
            }
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

    /// The tenant is a part of every key.
    fn add_tenant(&mut self) {
        if let Some(tenant) = self.tenant.filter(|tenant| !self.key.contains(tenant)) {
            self.key.insert(0, tenant);
            self.tenant_is_added = true;
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

/// A column that is no field of the struct itself.
fn part(column: Ident, ty: Type) -> Field {
    Field {
        ident: column.clone(),
        column,
        ty,
        with: None,
        embed: false,
        skipped: None,
        selected: None,
        within: None,
        concealed: false,
    }
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

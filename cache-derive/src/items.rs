//! Cuts an attribute into its items, each to be read by itself: a mistake in
//! one does not hide those in the next.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use syn::{Attribute, Meta};

use crate::ctxt::Ctxt;

/// One item of an attribute.
pub(crate) struct Item {
    pub(crate) name: Ident,
    pub(crate) form: Form,
}

/// What follows an item's name.
pub(crate) enum Form {
    /// `name`
    Word,
    /// `name = value`
    Value(TokenStream),
    /// `name(list)`
    List(TokenStream),
}

/// The items of `#[cached(..)]`; what is not one is reported.
pub(crate) fn strict(ctxt: &Ctxt, attr: &Attribute) -> Vec<Item> {
    let Meta::List(list) = &attr.meta else {
        ctxt.error(
            attr,
            "`cached` takes a list in parentheses",
            "write `#[cached(pattern = \"cache_aside\", ttl = \"10m\")]` on a struct, \
             `#[cached(with = path::to::module)]` on a field",
        );
        return Vec::new();
    };
    let mut items = Vec::new();
    for tokens in split(list.tokens.clone()) {
        match item(tokens.clone()) {
            Some(item) => items.push(item),
            None => ctxt.error(
                tokens,
                "expected `name`, `name = value` or `name(list)`",
                "separate the items by commas, as in `pattern = \"cache_aside\", ttl = \"10m\"`",
            ),
        }
    }
    items
}

/// The items of another crate's attribute: what is not one is that crate's affair.
pub(crate) fn lenient(attr: &Attribute) -> Vec<Item> {
    match &attr.meta {
        Meta::List(list) => split(list.tokens.clone()).into_iter().filter_map(item).collect(),
        _ => Vec::new(),
    }
}

/// The items of a list within an attribute; `None` for each that is not one.
pub(crate) fn within(tokens: &TokenStream) -> Vec<(TokenStream, Option<Item>)> {
    split(tokens.clone()).into_iter().map(|tokens| (tokens.clone(), item(tokens))).collect()
}

/// Cuts at the commas, except those between `<` and `>`.
pub(crate) fn split(tokens: TokenStream) -> Vec<TokenStream> {
    let mut parts = vec![TokenStream::new()];
    let mut angles = 0_u32;
    let mut after_dash = false;
    for token in tokens {
        let punct = if let TokenTree::Punct(punct) = &token { punct.as_char() } else { ' ' };
        match punct {
            ',' if angles == 0 => {
                parts.push(TokenStream::new());
                continue;
            }
            '<' => angles += 1,
            // Not the end of `->`.
            '>' if !after_dash => angles = angles.saturating_sub(1),
            _ => {}
        }
        after_dash = punct == '-';
        if let Some(part) = parts.last_mut() {
            part.extend([token]);
        }
    }
    // A comma at the end is no item.
    parts.retain(|part| !part.is_empty());
    parts
}

fn item(tokens: TokenStream) -> Option<Item> {
    let mut tokens = tokens.into_iter();
    let Some(TokenTree::Ident(name)) = tokens.next() else { return None };
    let form = match tokens.next() {
        None => Form::Word,
        Some(TokenTree::Punct(punct)) if punct.as_char() == '=' => Form::Value(tokens.collect()),
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => {
            if tokens.next().is_some() {
                return None;
            }
            Form::List(group.stream())
        }
        Some(_) => return None,
    };
    Some(Item { name, form })
}

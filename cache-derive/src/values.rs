//! The kinds of values that an attribute's item can have. Each function gives
//! the value, or reports what is wrong and how to write it.

use std::time::Duration;

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{LitInt, LitStr, Path, Token, Type};

use crate::ctxt::Ctxt;
use crate::items::{Form, Item};

/// What an item points at when it is wrong: its value, or its name if it has none.
fn at(item: &Item) -> TokenStream {
    match &item.form {
        Form::Value(tokens) | Form::List(tokens) if !tokens.is_empty() => tokens.clone(),
        _ => item.name.to_token_stream(),
    }
}

/// Text in quotes.
pub(crate) fn text(ctxt: &Ctxt, item: &Item, form: &str) -> Option<LitStr> {
    if let Form::Value(tokens) = &item.form
        && let Ok(text) = syn::parse2(tokens.clone())
    {
        return Some(text);
    }
    let name = &item.name;
    ctxt.error(at(item), format!("`{name}` takes one text in quotes"), format!("write `{form}`"));
    None
}

/// One of a few known words in quotes; `later` are known, but not in this release.
pub(crate) fn word<T: Copy>(
    ctxt: &Ctxt,
    item: &Item,
    form: &str,
    known: &[(&str, T)],
    later: &[&str],
) -> Option<T> {
    let given = text(ctxt, item, form)?;
    let value = given.value();
    if let Some((_, found)) = known.iter().find(|(word, _)| *word == value) {
        return Some(*found);
    }
    let name = &item.name;
    let words =
        known.iter().map(|(word, _)| format!("`\"{word}\"`")).collect::<Vec<_>>().join(" or ");
    if later.contains(&value.as_str()) {
        ctxt.error(
            &given,
            format!(
                "{name} \"{value}\" is not implemented by this release, which knows only {words}"
            ),
            format!("write `{form}`, if that suits the model"),
        );
    } else {
        ctxt.error(
            &given,
            format!("unknown {name} \"{value}\": expected {words}"),
            format!("write `{form}`"),
        );
    }
    None
}

/// A duration in quotes, of at least a millisecond.
pub(crate) fn duration(ctxt: &Ctxt, item: &Item, form: &str) -> Option<Duration> {
    let given = text(ctxt, item, form)?;
    let name = &item.name;
    match humantime::parse_duration(&given.value()) {
        Ok(duration) if duration.as_millis() == 0 => ctxt.error(
            &given,
            format!("`{name}` is shorter than a millisecond, so nothing would be kept"),
            format!("write `{form}`; to keep nothing, switch the model off at run time"),
        ),
        Ok(duration) if u64::try_from(duration.as_millis()).is_ok() => return Some(duration),
        Ok(_) => ctxt.error(&given, format!("`{name}` is too long"), format!("write `{form}`")),
        Err(error) => ctxt.error(
            &given,
            format!("`{name}` is not a duration: {error}"),
            format!("write `{form}`; units are ms, s, m, h, d, also combined as in \"1h 30m\""),
        ),
    }
    None
}

/// The duration in `"bounded(5s)"`; the outer `None` where it is another word.
pub(crate) fn bound(ctxt: &Ctxt, item: &Item) -> Option<Option<Duration>> {
    const FORM: &str = "consistency = \"bounded(5s)\"";
    let Form::Value(tokens) = &item.form else { return None };
    let given: LitStr = syn::parse2(tokens.clone()).ok()?;
    let text = given.value();
    let inner = text.strip_prefix("bounded")?;
    let duration = inner.strip_prefix('(').and_then(|inner| inner.strip_suffix(')'));
    match duration.map(humantime::parse_duration) {
        Some(Ok(bound)) if bound.as_millis() >= 100 && bound.as_secs() <= 86_400 => {
            return Some(Some(bound));
        }
        Some(Ok(_)) => ctxt.error(
            &given,
            "a bound is between 100 milliseconds and a day",
            format!("write `{FORM}`"),
        ),
        Some(Err(error)) => ctxt.error(
            &given,
            format!("the bound is not a duration: {error}"),
            format!("write `{FORM}`; units are ms, s, m, h, d"),
        ),
        None => {
            ctxt.error(&given, "`bounded` says how old a hit may be", format!("write `{FORM}`"))
        }
    }
    Some(None)
}

/// A percentage in quotes, at most 90.
pub(crate) fn percent(ctxt: &Ctxt, item: &Item, form: &str) -> Option<u8> {
    let given = text(ctxt, item, form)?;
    let value = given.value();
    let percent = value.trim().strip_suffix('%').and_then(|digits| digits.trim().parse().ok());
    match percent {
        Some(percent @ 0..=90) => return Some(percent),
        Some(_) => ctxt.error(
            &given,
            "jitter above 90% would leave entries with no life to speak of",
            format!("write `{form}`"),
        ),
        None => ctxt.error(
            &given,
            format!("\"{value}\" is not a percentage"),
            format!("write `{form}`, a whole number from 0 to 90"),
        ),
    }
    None
}

/// A whole number without quotes.
pub(crate) fn integer(ctxt: &Ctxt, item: &Item, form: &str) -> Option<u32> {
    if let Form::Value(tokens) = &item.form
        && let Ok(number) = syn::parse2::<LitInt>(tokens.clone())
        && let Ok(number) = number.base10_parse()
    {
        return Some(number);
    }
    let name = &item.name;
    ctxt.error(
        at(item),
        format!("`{name}` takes a whole number from 0 to {}", u32::MAX),
        format!("write `{form}`"),
    );
    None
}

/// A path without quotes.
pub(crate) fn path(ctxt: &Ctxt, item: &Item, form: &str) -> Option<Path> {
    if let Form::Value(tokens) = &item.form
        && let Ok(path) = syn::parse2(tokens.clone())
    {
        return Some(path);
    }
    let name = &item.name;
    ctxt.error(
        at(item),
        format!("`{name}` takes a path, without quotes"),
        format!("write `{form}`"),
    );
    None
}

/// A name without quotes.
pub(crate) fn ident(ctxt: &Ctxt, item: &Item, form: &str) -> Option<Ident> {
    if let Form::Value(tokens) = &item.form
        && let Ok(ident) = syn::parse2(tokens.clone())
    {
        return Some(ident);
    }
    let name = &item.name;
    ctxt.error(
        at(item),
        format!("`{name}` takes the name of a column, without quotes"),
        format!("write `{form}`"),
    );
    None
}

/// A word that stands by itself.
pub(crate) fn flag(ctxt: &Ctxt, item: &Item, form: &str) -> Option<()> {
    if matches!(item.form, Form::Word) {
        return Some(());
    }
    let name = &item.name;
    ctxt.error(at(item), format!("`{name}` takes no value"), format!("write `{form}`"));
    None
}

/// A column by name: a field's, or within an embedded one, as `identity.id`; or one that no field
/// has, with its type, as `token: String`.
#[derive(Clone)]
pub(crate) struct Named {
    pub(crate) within: Option<Ident>,
    pub(crate) name: Ident,
    pub(crate) ty: Option<Type>,
}

impl From<Ident> for Named {
    fn from(name: Ident) -> Self {
        Self { within: None, name, ty: None }
    }
}

impl Parse for Named {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let first: Ident = input.parse()?;
        if input.parse::<Option<Token![:]>>()?.is_some() {
            return Ok(Self { ty: Some(input.parse()?), ..first.into() });
        }
        if input.parse::<Option<Token![.]>>()?.is_some() {
            return Ok(Self { within: Some(first), ..input.parse::<Ident>()?.into() });
        }
        Ok(first.into())
    }
}

impl ToTokens for Named {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.within.to_tokens(tokens);
        self.name.to_tokens(tokens);
    }
}

/// The name of a column, without quotes.
pub(crate) fn named(ctxt: &Ctxt, item: &Item, form: &str) -> Option<Named> {
    if let Form::Value(tokens) = &item.form
        && let Ok(named) = syn::parse2(tokens.clone())
    {
        return Some(named);
    }
    let name = &item.name;
    ctxt.error(
        at(item),
        format!("`{name}` takes the name of a column, without quotes"),
        format!("write `{form}`"),
    );
    None
}

/// At least one column name in parentheses.
pub(crate) fn names<T: Parse>(ctxt: &Ctxt, item: &Item, form: &str) -> Option<Vec<T>> {
    if let Form::List(tokens) = &item.form
        && let Some(names) = list(tokens)
    {
        return Some(names);
    }
    let name = &item.name;
    ctxt.error(
        at(item),
        format!("`{name}` takes a list of names in parentheses, without quotes"),
        format!("write `{form}`"),
    );
    None
}

/// One type after `=`, or some in parentheses.
pub(crate) fn types(ctxt: &Ctxt, item: &Item, form: &str) -> Option<Vec<Type>> {
    let types = match &item.form {
        Form::Value(tokens) => syn::parse2(tokens.clone()).ok().map(|one| vec![one]),
        Form::List(tokens) => list(tokens),
        Form::Word => None,
    };
    if types.is_none() {
        let name = &item.name;
        ctxt.error(
            at(item),
            format!("`{name}` takes one type, or a list of types in parentheses"),
            format!("write `{form}`"),
        );
    }
    types
}

/// Parsed elements between commas, at least one.
pub(crate) fn list<T: Parse>(tokens: &TokenStream) -> Option<Vec<T>> {
    let parser = Punctuated::<T, Token![,]>::parse_terminated;
    let all: Vec<T> = parser.parse2(tokens.clone()).ok()?.into_iter().collect();
    (!all.is_empty()).then_some(all)
}

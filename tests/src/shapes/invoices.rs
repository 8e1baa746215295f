//! Aggregates: invoices with their lines and their notes, eventual and strict.

diesel::table! {
    invoices (id) {
        id -> BigInt,
        number -> Text,
        total -> BigInt,
    }
}

diesel::table! {
    invoice_lines (id) {
        id -> BigInt,
        invoice -> BigInt,
        amount -> BigInt,
    }
}

diesel::table! {
    invoice_notes (name) {
        name -> Text,
        invoice -> Nullable<BigInt>,
        text -> Text,
    }
}

pub const CREATE: &str = "CREATE TABLE invoices (id BIGINT PRIMARY KEY, number VARCHAR(60) NOT NULL UNIQUE, total BIGINT NOT NULL)";
pub const CREATE_LINES: &str = "CREATE TABLE invoice_lines (id BIGINT PRIMARY KEY, invoice BIGINT NOT NULL, amount BIGINT NOT NULL)";
pub const CREATE_NOTES: &str = "CREATE TABLE invoice_notes (name VARCHAR(60) PRIMARY KEY, invoice BIGINT, text VARCHAR(60) NOT NULL)";

/// What all modes have in common: number and total, the lines' amounts, the notes' texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plain {
    pub number: String,
    pub total: i64,
    pub amounts: Vec<(i64, i64)>,
    pub notes: Vec<(String, String)>,
}

macro_rules! invoices {
    ($module:ident, [$($root:tt)*], [$($line:tt)*], [$($note:tt)*]) => {
        pub mod $module {
            use cache_runtime::{Cached, Whole};
            use diesel::prelude::*;

            use super::{Plain, invoice_lines, invoice_notes, invoices};

            #[derive(Queryable, Cached, Debug, PartialEq, Eq)]
            #[diesel(table_name = invoices)]
            #[cached(ttl = "10m", negative_ttl = "10m", unique(number), insert = NewInvoice,
                     changeset = InvoiceChanges,
                     aggregate(owner = "billing", members(Line, Note)))]
            #[cached($($root)*)]
            pub struct Invoice {
                pub id: i64,
                pub number: String,
                pub total: i64,
            }

            #[derive(Insertable, Clone)]
            #[diesel(table_name = invoices)]
            pub struct NewInvoice {
                pub id: i64,
                pub number: String,
                pub total: i64,
            }

            #[derive(AsChangeset, Default)]
            #[diesel(table_name = invoices)]
            pub struct InvoiceChanges {
                pub number: Option<String>,
                pub total: Option<i64>,
            }

            #[derive(Queryable, Cached, Debug, PartialEq, Eq)]
            #[diesel(table_name = invoice_lines)]
            #[cached(member_of = Invoice, by = invoice, insert = NewLine, changeset = LineChanges)]
            $($line)*
            pub struct Line {
                pub id: i64,
                pub invoice: i64,
                pub amount: i64,
            }

            #[derive(Insertable, Clone)]
            #[diesel(table_name = invoice_lines)]
            pub struct NewLine {
                pub id: i64,
                pub invoice: i64,
                pub amount: i64,
            }

            #[derive(AsChangeset, Default)]
            #[diesel(table_name = invoice_lines)]
            pub struct LineChanges {
                pub invoice: Option<i64>,
                pub amount: Option<i64>,
            }

            /// It may be of no invoice.
            #[derive(Queryable, Cached, Debug, PartialEq, Eq)]
            #[diesel(table_name = invoice_notes)]
            #[cached(key(name), member_of = Invoice, by = invoice, insert = NewNote,
                     changeset = NoteChanges)]
            $($note)*
            pub struct Note {
                pub name: String,
                pub invoice: Option<i64>,
                pub text: String,
            }

            #[derive(Insertable, Clone)]
            #[diesel(table_name = invoice_notes)]
            pub struct NewNote {
                pub name: String,
                pub invoice: Option<i64>,
                pub text: String,
            }

            #[derive(AsChangeset, Default)]
            #[diesel(table_name = invoice_notes)]
            pub struct NoteChanges {
                pub invoice: Option<Option<i64>>,
                pub text: Option<String>,
            }

            pub fn plain(whole: &Whole<Invoice>) -> Plain {
                let Invoice { number, total, .. } = whole.root();
                let amounts = whole.members::<Line>().iter().map(|line| (line.id, line.amount));
                let notes = whole.members::<Note>().iter();
                Plain {
                    number: number.clone(),
                    total: *total,
                    amounts: amounts.collect(),
                    notes: notes.map(|note| (note.name.clone(), note.text.clone())).collect(),
                }
            }
        }
    };
}

invoices!(eventual, [pattern = "cache_aside", bulk = 3], [#[cached(bulk = 2)]], []);
invoices!(through, [pattern = "write_through"], [], [#[cached(pattern = "cache_aside", ttl = "1m")]]);
invoices!(bounded, [pattern = "cache_aside", consistency = "bounded(1s)"], [], []);
invoices!(fenced, [pattern = "cache_aside", consistency = "strict(fenced)"], [], []);

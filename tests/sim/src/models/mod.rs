//! One table under each pattern and promise, and as the next build of some has it: a build's shape
//! of the model shows in its fingerprint alone, which `cache_version` changes.

use std::sync::Arc;

use cache_runtime::ports::{BoxFuture, Database};
use cache_runtime::{Cache, Cached, ErrorKind, Result, Tx};

use crate::accounts::{Accounts, ItemAct, Items, Log, Parts, Source, Step, Whole};
use crate::history::{Deed, Item, Register, Row};
use crate::mode::EVERY;

#[macro_use]
mod items;
mod pending;

pub use pending::{behind, behind_fenced};

/// The transaction was to be rolled back.
fn unwanted() -> cache_runtime::Error {
    cache_runtime::Error::new(ErrorKind::Abandoned, "undone on purpose")
}

pub mod plain_table {
    diesel::table! {
        accounts (id) {
            id -> BigInt,
            email -> Text,
            balance -> BigInt,
        }
    }
}

pub mod versioned_table {
    diesel::table! {
        accounts (id) {
            id -> BigInt,
            email -> Text,
            balance -> BigInt,
            version -> BigInt,
        }
    }
}

macro_rules! model {
    // Nothing but an event brings what others have changed.
    (taking events, $module:ident, $table:ident, ($($cached:tt)*)) => {
        model! {
            $module, $table, (), (ttl = "1d", negative_ttl = "1d", bulk = 1000, $($cached)*),
            items: , events: Account
        }
    };
    ($module:ident, $table:ident, $version:tt, ($($cached:tt)*) $(, $item:ident)?) => {
        model! {
            $module, $table, $version, (ttl = "10s", negative_ttl = "10s", $($cached)*),
            items: $($item)?, events:
        }
    };
    ($module:ident, $table:ident, ($($version:ident)?), ($($cached:tt)*),
     items: $($item:ident)?, events: $($taking:ident)?) => {
        pub mod $module {
            use diesel::prelude::*;
            use cache_runtime::ports::{Change, Filter, Insert, Save, Statements};

            use super::$table::accounts;
            use super::*;

            #[derive(Queryable, cache_runtime::Cached)]
            #[diesel(table_name = accounts)]
            #[cached(unique(email), save, insert = NewAccount,
                     changeset = AccountChanges)]
            #[cached($($cached)*)]
            pub struct Account {
                pub id: i64,
                pub email: String,
                pub balance: i64,
                $(pub $version: i64,)?
            }

            #[derive(Insertable)]
            #[diesel(table_name = accounts)]
            pub struct NewAccount {
                pub id: i64,
                pub email: String,
                pub balance: i64,
            }

            #[derive(AsChangeset)]
            #[diesel(table_name = accounts)]
            pub struct AccountChanges {
                pub email: Option<String>,
                pub balance: i64,
            }

            impl From<&Account> for Row {
                fn from(account: &Account) -> Self {
                    Self {
                        id: account.id,
                        email: account.email.clone(),
                        balance: account.balance,
                    }
                }
            }

            impl From<Row> for NewAccount {
                fn from(row: Row) -> Self {
                    Self { id: row.id, email: row.email, balance: row.balance }
                }
            }

            fn row(account: Option<Arc<Account>>) -> Option<Row> {
                account.as_deref().map(Row::from)
            }

            fn changes(email: Option<&str>, balance: i64) -> AccountChanges {
                AccountChanges { email: email.map(str::to_owned), balance }
            }

            $(items!($item);)?

            /// A filter that all rows meet.
            type Any = diesel::dsl::GtEq<accounts::balance, i64>;

            pub struct Opened<D: Database> {
                cache: Cache<D>,
                accounts: <Account as Cached>::Repository<D>,
            }

            pub async fn open<D: Database>(parts: Parts<D>) -> Result<Opened<D>>
            where
                Account: Statements<D::Backend>,
                $($item: Statements<D::Backend>,)?
            {
                let builder = Cache::builder(parts.database)
                    .shared_store(parts.store)
                    .clock(parts.clock)
                    .tokens((parts.tokens)())
                    .namespace(parts.namespace)
                    .models(cache_runtime::models![Account $(, $item)?]);
                $(let builder = taking!(builder, parts.source, $taking);)?
                let cache = builder.build().await?;
                let accounts = cache.repository::<Account>();
                Ok(Opened { cache, accounts })
            }

            impl<D: Database> Accounts for Opened<D>
            where
                Account: Statements<D::Backend> + Save<D::Backend>,
                NewAccount: Insert<Account, D::Backend>,
                AccountChanges: Change<Account, D::Backend>,
                Any: Filter<Account, D::Backend>,
                $(
                    $item: Statements<D::Backend> + MemberRows<Account, D::Backend>,
                    NewItem: Insert<$item, D::Backend>,
                    ItemChanges: Change<$item, D::Backend>,
                )?
            {
                fn find(&self, id: i64) -> BoxFuture<'_, Result<Option<Row>>> {
                    Box::pin(async move { Ok(row(self.accounts.find(id).await?)) })
                }

                fn find_many(&self, ids: Vec<i64>) -> BoxFuture<'_, Result<Vec<Option<Row>>>> {
                    Box::pin(async move {
                        Ok(self.accounts.find_many(ids).await?.into_iter().map(row).collect())
                    })
                }

                fn find_by_email(&self, email: &'static str) -> BoxFuture<'_, Result<Option<Row>>> {
                    Box::pin(async move { Ok(row(self.accounts.find_by_email(email).await?)) })
                }

                fn find_uncached(&self, id: i64) -> BoxFuture<'_, Result<Option<Row>>> {
                    Box::pin(async move { Ok(row(self.accounts.find_uncached(id).await?)) })
                }

                fn refresh(&self, id: i64) -> BoxFuture<'_, Result<Option<Row>>> {
                    Box::pin(async move { Ok(row(self.accounts.refresh(id).await?)) })
                }

                fn invalidate(&self, id: i64) -> BoxFuture<'_, ()> {
                    Box::pin(async move { self.accounts.invalidate(id).await })
                }

                fn insert(&self, row: Row) -> BoxFuture<'_, Result<Row>> {
                    Box::pin(async move {
                        Ok(Row::from(&*self.accounts.insert(NewAccount::from(row)).await?))
                    })
                }

                fn update<'a>(
                    &'a self,
                    id: i64,
                    email: Option<&'a str>,
                    balance: i64,
                ) -> BoxFuture<'a, Result<Option<Row>>> {
                    Box::pin(async move {
                        Ok(row(self.accounts.update(id, changes(email, balance)).await?))
                    })
                }

                fn update_all(&self, balance: i64) -> BoxFuture<'_, Result<Vec<Row>>> {
                    Box::pin(async move {
                        let any: Any = accounts::balance.ge(0);
                        let rows = self.accounts.update_where(any, changes(None, balance)).await?;
                        Ok(rows.iter().map(|row| Row::from(&**row)).collect())
                    })
                }

                fn upsert(&self, row: Row) -> BoxFuture<'_, Result<Row>> {
                    Box::pin(async move {
                        let changes = changes(None, row.balance);
                        let new = NewAccount::from(row);
                        Ok(Row::from(&*self.accounts.upsert(new.id, new, changes).await?))
                    })
                }

                fn delete(&self, id: i64) -> BoxFuture<'_, Result<Option<Row>>> {
                    Box::pin(async move { Ok(row(self.accounts.delete(id).await?)) })
                }

                fn save<'a>(
                    &'a self,
                    id: i64,
                    balance: i64,
                    between: BoxFuture<'a, ()>,
                ) -> BoxFuture<'a, Result<Option<i64>>> {
                    Box::pin(async move {
                        let _ = (id, balance);
                        let found: Option<Arc<Account>> = self.accounts.find(id).await?;
                        between.await;
                        let Some(found) = found else { return Ok(None) };
                        save!(self, found, balance, $($version)?);
                        Ok(Some(found.balance))
                    })
                }

                fn transaction<'a>(
                    &'a self,
                    steps: Vec<Step>,
                    keep: bool,
                    log: &'a mut Log,
                ) -> BoxFuture<'a, Result<()>> {
                    Box::pin(async move {
                        self.cache
                            .transaction(async |tx: &mut Tx<D>| {
                                take(tx, steps, log).await?;
                                if keep { Ok(()) } else { Err(unwanted()) }
                            })
                            .await
                    })
                }

                $(
                    fn items(&self) -> Option<&dyn Items> {
                        let _ = std::marker::PhantomData::<$item>;
                        Some(self)
                    }
                )?
            }

            fn take<'a, D: Database>(
                tx: &'a mut Tx<D>,
                steps: Vec<Step>,
                log: &'a mut Log,
            ) -> BoxFuture<'a, Result<()>>
            where
                Account: Statements<D::Backend> + Save<D::Backend>,
                NewAccount: Insert<Account, D::Backend>,
                AccountChanges: Change<Account, D::Backend>,
                $(
                    $item: Statements<D::Backend> + MemberRows<Account, D::Backend>,
                    NewItem: Insert<$item, D::Backend>,
                    ItemChanges: Change<$item, D::Backend>,
                )?
            {
                Box::pin(async move {
                    for step in steps {
                        let mut accounts = tx.repository::<Account>();
                        match step {
                            Step::Find(id) => {
                                let found = accounts.find(id).await?;
                                log.read(Register::Key(id), found.map(|row| row.balance));
                            }
                            Step::Update(id, email, balance) => {
                                if accounts.update(id, changes(email, balance)).await?.is_some() {
                                    log.deeds.push(Deed::set(Register::Key(id), balance));
                                }
                            }
                            Step::Insert(id, email, balance) => {
                                let new = NewAccount { id, email: email.to_owned(), balance };
                                accounts.insert(new).await?;
                                log.deeds.push(Deed::set(Register::Key(id), balance));
                            }
                            Step::Delete(id) => {
                                if let Some(gone) = accounts.delete(id).await? {
                                    let of = Register::Key(id);
                                    log.deeds.push(Deed::Gone { of, number: gone.balance });
                                }
                            }
                            Step::SaveLocked(id, balance) => {
                                if let Some(mut locked) = accounts.lock(id).await? {
                                    locked.balance = balance;
                                    accounts.save_locked(locked).await?;
                                    log.deeds.push(Deed::set(Register::Key(id), balance));
                                }
                            }
                            Step::Item(act) => {
                                item_step!(tx, log, act $(, $item)?);
                            }
                            Step::Savepoint(steps, keep) => {
                                let before = log.deeds.len();
                                let kept = tx
                                    .savepoint(async |tx: &mut Tx<D>| {
                                        take(tx, steps, log).await?;
                                        if keep { Ok(()) } else { Err(unwanted()) }
                                    })
                                    .await;
                                if kept.is_err() {
                                    log.deeds.truncate(before);
                                }
                            }
                        }
                    }
                    Ok(())
                })
            }
        }
    };
}

/// Takes the events that tell of changes past the cache.
macro_rules! taking {
    ($builder:ident, $source:expr, $account:ident) => {{
        let events = match $source {
            Source::Stream(source) => cache_runtime::Events::shared(source),
            Source::Table => cache_runtime::Events::table(),
        };
        $builder.events(events.on::<$account>("account").every(EVERY))
    }};
}

/// Only a model with a version can be saved without a lock.
macro_rules! save {
    ($this:ident, $found:ident, $balance:ident, $version:ident) => {
        let saved = Account {
            id: $found.id,
            email: $found.email.clone(),
            balance: $balance,
            $version: $found.$version,
        };
        $this.accounts.save(saved).await?;
    };
    ($this:ident, $found:ident, $balance:ident,) => {};
}

model!(aside, plain_table, (), (pattern = "cache_aside"));
model!(aside_next, plain_table, (), (pattern = "cache_aside", cache_version = 1));
model!(through, plain_table, (), (pattern = "write_through"));
model!(through_next, plain_table, (), (pattern = "write_through", cache_version = 1));
model!(fenced, plain_table, (), (pattern = "cache_aside", consistency = "strict(fenced)"));
model!(
    fenced_through,
    plain_table,
    (),
    (pattern = "write_through", consistency = "strict(fenced)")
);
model!(
    fenced_through_next,
    plain_table,
    (),
    (pattern = "write_through", consistency = "strict(fenced)", cache_version = 1)
);
model!(
    validated,
    versioned_table,
    (version),
    (pattern = "cache_aside", consistency = "strict(validated)", version = version)
);
model!(
    validated_next,
    versioned_table,
    (version),
    (
        pattern = "cache_aside",
        consistency = "strict(validated)",
        version = version,
        cache_version = 1
    )
);
model!(
    validated_through,
    versioned_table,
    (version),
    (pattern = "write_through", consistency = "strict(validated)", version = version)
);
model!(bulk, plain_table, (), (pattern = "cache_aside", bulk = 1));
model!(bulk_next, plain_table, (), (pattern = "cache_aside", bulk = 1, cache_version = 1));
model!(
    bulk_fenced,
    plain_table,
    (),
    (pattern = "write_through", consistency = "strict(fenced)", bulk = 1)
);
model!(bounded, plain_table, (), (pattern = "cache_aside", consistency = "bounded(3s)"));
model!(bounded_through, plain_table, (), (pattern = "write_through", consistency = "bounded(3s)"));
model!(
    whole,
    plain_table,
    (),
    (pattern = "cache_aside", aggregate(owner = "sim", members(AccountItem))),
    AccountItem
);
model!(
    whole_fenced,
    plain_table,
    (),
    (
        pattern = "write_through",
        consistency = "strict(fenced)",
        aggregate(owner = "sim", members(AccountItem))
    ),
    AccountItem
);
model!(taking events, told, plain_table, (pattern = "cache_aside"));
model!(taking events, streamed, plain_table, (pattern = "write_through"));

//! Models that are written behind. Every row has the email that its key has in [`EMAILS`], so that no
//! pending write is refused for another row's sake: it is found by that.

use cache_runtime::ports::{BoxFuture, Database};
use cache_runtime::{Cache, Cached, Error, Result, Tx, WriteBehind};

use crate::accounts::{Accounts, Log, Parts, Step};
use crate::history::{Deed, Register, Row};
use crate::plan::EMAILS;

/// The email of a row.
fn email(id: i64) -> String {
    EMAILS[id as usize - 1].to_owned()
}

macro_rules! pending {
    ($module:ident, ($($cached:tt)*)) => {
        pub mod $module {
            use cache_runtime::ports::Statements;
            use diesel::prelude::*;

            use super::super::plain_table::accounts;
            use super::*;

            #[derive(Queryable, Insertable, cache_runtime::Cached)]
            #[diesel(table_name = accounts)]
            #[cached(pattern = "write_behind", ttl = "10s", negative_ttl = "10s", $($cached)*)]
            pub struct Account {
                pub id: i64,
                pub email: String,
                pub balance: i64,
            }

            fn account(id: i64, balance: i64) -> Account {
                Account { id, email: email(id), balance }
            }

            fn row(account: Option<std::sync::Arc<Account>>) -> Option<Row> {
                account.map(|it| Row { id: it.id, email: it.email.clone(), balance: it.balance })
            }

            pub struct Opened<D: Database> {
                cache: Cache<D>,
                accounts: <Account as Cached>::Repository<D>,
            }

            pub async fn open<D: Database>(parts: Parts<D>) -> Result<Opened<D>>
            where
                Account: Statements<D::Backend>,
            {
                let cache = Cache::builder(parts.database)
                    .shared_store(parts.store)
                    .clock(parts.clock)
                    .tokens((parts.tokens)())
                    .namespace(parts.namespace)
                    .models(cache_runtime::models![Account])
                    // The database here does not wait for its disk.
                    .accept_write_loss()
                    .build()
                    .await?;
                let accounts = cache.repository::<Account>();
                Ok(Opened { cache, accounts })
            }

            impl<D: Database> Opened<D>
            where
                Account: Statements<D::Backend>,
            {
                async fn put(&self, id: i64, balance: i64) -> Result<Row> {
                    self.accounts.enqueue(account(id, balance)).await?;
                    Ok(Row { id, email: email(id), balance })
                }
            }

            impl<D: Database> Accounts for Opened<D>
            where
                Account: Statements<D::Backend> + WriteBehind,
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
                    let id = EMAILS.iter().zip(1..).find(|(known, _)| **known == email);
                    self.find(id.map_or(0, |(_, id)| id))
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
                    Box::pin(self.put(row.id, row.balance))
                }

                fn update<'a>(
                    &'a self,
                    id: i64,
                    _: Option<&'a str>,
                    balance: i64,
                ) -> BoxFuture<'a, Result<Option<Row>>> {
                    Box::pin(async move { self.put(id, balance).await.map(Some) })
                }

                fn update_all(&self, balance: i64) -> BoxFuture<'_, Result<Vec<Row>>> {
                    Box::pin(async move { Ok(vec![self.put(1, balance).await?]) })
                }

                fn upsert(&self, row: Row) -> BoxFuture<'_, Result<Row>> {
                    self.insert(row)
                }

                /// Nobody says whether there was such a row.
                fn delete(&self, id: i64) -> BoxFuture<'_, Result<Option<Row>>> {
                    Box::pin(async move {
                        self.accounts.enqueue_delete(id).await?;
                        Ok(None)
                    })
                }

                fn save<'a>(
                    &'a self,
                    id: i64,
                    balance: i64,
                    between: BoxFuture<'a, ()>,
                ) -> BoxFuture<'a, Result<Option<i64>>> {
                    Box::pin(async move {
                        between.await;
                        self.put(id, balance).await.map(|_| None)
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
                                if keep { Ok(()) } else { Err(super::super::unwanted()) }
                            })
                            .await
                    })
                }
            }

            /// A transaction reads no rows of the model, as its table may be behind.
            fn take<'a, D: Database>(
                tx: &'a mut Tx<D>,
                steps: Vec<Step>,
                log: &'a mut Log,
            ) -> BoxFuture<'a, Result<()>>
            where
                Account: Statements<D::Backend> + WriteBehind,
            {
                Box::pin(async move {
                    for step in steps {
                        let mut accounts = tx.repository::<Account>();
                        match step {
                            Step::Update(id, _, balance)
                            | Step::Insert(id, _, balance)
                            | Step::SaveLocked(id, balance) => {
                                accounts.enqueue(account(id, balance))?;
                                log.deeds.push(Deed::set(Register::Key(id), balance));
                            }
                            Step::Delete(id) => {
                                accounts.enqueue_delete(id)?;
                                // What it hides was never there.
                                log.deeds.retain(|deed| *deed.of() != Register::Key(id));
                            }
                            Step::Savepoint(steps, keep) => {
                                let before = log.deeds.clone();
                                let kept = tx
                                    .savepoint(async |tx: &mut Tx<D>| {
                                        take(tx, steps, log).await?;
                                        let undone = Err::<(), Error>(super::super::unwanted());
                                        if keep { Ok(()) } else { undone }
                                    })
                                    .await;
                                if kept.is_err() {
                                    log.deeds = before;
                                }
                            }
                            Step::Find(_) | Step::Item(_) => {}
                        }
                    }
                    Ok(())
                })
            }
        }
    };
}

pending!(behind, ());
pending!(behind_fenced, (consistency = "strict(fenced)"));

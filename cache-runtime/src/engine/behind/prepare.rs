//! Finding a model's stripes, or making them.

use super::tables::{STRIPES, Tables};
use crate::engine::outbox::hex;
use crate::ports::batch::Cells;
use crate::ports::database::{Database, Dialect, Transaction};
use crate::ports::load::Load;
use crate::values::error::{Error, ErrorKind, Result};

impl<D: Database> Tables<D> {
    /// Finds the model's stripes, or makes them.
    pub(crate) async fn open(database: D, model: &str, name: &str) -> Result<Self> {
        check(&database, model).await?;
        let table = hex(name.as_bytes());
        let id = format!("SELECT id FROM cache_outbox_models WHERE model = '{table}'");
        let known = || async {
            let found: Vec<Cells> = database.load(Load::rows(id.clone())).await?;
            Ok::<_, Error>(found.first().and_then(|cells| cells.at(0)))
        };
        // Another process may make them at the same moment.
        for _ in 0..20 {
            if let Some(id) = known().await? {
                let tables = Self { database: database.clone(), first: id * STRIPES };
                tables.prepare().await?;
                return Ok(tables);
            }
            let _ = run(
                &database,
                vec![format!(
                    "INSERT INTO cache_outbox_models (id, model) SELECT coalesce(max(id), 0) + 1, \
                     '{table}' FROM cache_outbox_models"
                )],
            )
            .await;
        }
        Err(Error::new(ErrorKind::Database, "the outbox's table of models takes no row"))
    }

    async fn prepare(&self) -> Result<()> {
        let numbers: Vec<String> = (self.first..self.first + STRIPES)
            .map(|stripe| format!("SELECT {stripe} AS stripe"))
            .collect();
        let numbers = numbers.join(" UNION ALL ");
        let missing = |table: &str, columns: &str, zeros: &str| {
            format!(
                "INSERT INTO {table} (stripe, {columns}) SELECT n.stripe, {zeros} FROM ({numbers}) \
                 AS n WHERE NOT EXISTS (SELECT 1 FROM {table} t WHERE t.stripe = n.stripe)"
            )
        };
        let heads = missing("cache_outbox_stripes", "next_seq, parked, skipped", "0, 0, 0");
        let claims = missing("cache_outbox_claims", "removed", "0");
        for sql in [heads, claims] {
            let _ = run(&self.database, vec![sql]).await;
        }
        let count = format!(
            "SELECT CAST(count(*) AS {}) FROM cache_outbox_claims WHERE {}",
            <D::Backend as Dialect>::CAST_INTEGER,
            self.own("stripe")
        );
        let found: Vec<Cells> = self.database.load(Load::rows(count)).await?;
        match found.first().and_then(|cells| cells.at(0)) {
            Some(STRIPES) => Ok(()),
            _ => Err(Error::new(ErrorKind::Database, "the outbox's stripes cannot be made")),
        }
    }
}

async fn run<D: Database>(database: &D, all: Vec<String>) -> Result<()> {
    let mut transaction = database.begin().await?;
    for sql in all {
        let _: Vec<String> = transaction.load(Load::run(sql)).await?;
    }
    transaction.commit().await
}

/// Fails, saying what to do, unless the tables are there.
async fn check<D: Database>(database: &D, model: &str) -> Result<()> {
    let tables = "SELECT o.payload FROM cache_outbox o, cache_parked p, cache_outbox_stripes s, \
                  cache_outbox_claims c, cache_outbox_models m WHERE 1 = 0 AND o.stripe = p.stripe \
                  AND s.stripe = c.stripe AND m.id = s.stripe";
    database.load(Load::<_, String>::rows(tables)).await.map(drop).map_err(|source| {
        Error::new(
            ErrorKind::Configuration,
            format!(
                "`{model}` is written behind, but the database has no outbox for writes; `cache-ctl \
                 migrations export` writes its migration (also in `cache_runtime::migrations`)"
            ),
        )
        .with_source(source)
    })
}

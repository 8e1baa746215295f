//! `cache-ctl`: what an operator does beside a running application.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cache_runtime::migrations::{self, Migration, Triggers, Written};
use clap::{Parser, Subcommand, ValueEnum};

// There is nothing to look after without a database.
#[cfg(any(feature = "ctl-postgres", feature = "ctl-mysql", feature = "sqlite"))]
#[path = "cache-ctl/outbox.rs"]
mod outbox;

/// Looks after the tables of the cache.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The migrations that make the tables.
    #[command(subcommand)]
    Migrations(Migrations),
    /// The triggers that tell a cache of rows which other programs change.
    #[command(subcommand)]
    Triggers(Tell),
    /// The outboxes of models that are written behind.
    #[command(subcommand)]
    #[cfg(any(feature = "ctl-postgres", feature = "ctl-mysql", feature = "sqlite"))]
    Outbox(outbox::Outbox),
}

#[derive(Subcommand)]
enum Tell {
    /// Writes those of one table beside the application's migrations.
    Export {
        /// The database that they are for.
        #[arg(long)]
        database: Database,
        /// The table, with its schema if it needs one.
        #[arg(long)]
        table: String,
        /// A column of its key; again for each further one, in the table's order.
        #[arg(long, required = true)]
        key: Vec<String>,
        /// The kind of its events; the table's name if it is left out.
        #[arg(long)]
        kind: Option<String>,
        /// The folder of the application's migrations.
        #[arg(long, default_value = "migrations")]
        folder: PathBuf,
    },
}

#[derive(Subcommand)]
enum Migrations {
    /// Lists them.
    List,
    /// Writes them beside the application's own, as folders that `diesel migration run` finds.
    Export {
        /// The database that they are for.
        #[arg(long)]
        database: Database,
        /// The folder of the application's migrations.
        #[arg(long, default_value = "migrations")]
        folder: PathBuf,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Database {
    Sqlite,
    Postgres,
    Mysql,
}

impl Database {
    fn migrations(self) -> &'static [Migration] {
        match self {
            Self::Sqlite => migrations::SQLITE,
            Self::Postgres => migrations::POSTGRES,
            Self::Mysql => migrations::MYSQL,
        }
    }
}

fn main() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    let done = match command {
        Command::Migrations(Migrations::List) => list(),
        Command::Migrations(Migrations::Export { database, folder }) => {
            let all = database.migrations().iter();
            let all: Vec<_> = all.map(|it| (it.name.to_owned(), it.up, it.down)).collect();
            export(&all, &folder)
        }
        Command::Triggers(Tell::Export { database, table, key, kind, folder }) => {
            triggers(database, &table, &key, kind.as_deref(), &folder)
        }
        #[cfg(any(feature = "ctl-postgres", feature = "ctl-mysql", feature = "sqlite"))]
        Command::Outbox(outbox) => outbox.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where nobody listens there is nothing left to be done.
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn list() -> Result<(), String> {
    for migration in migrations::SQLITE {
        say(migration.name)?;
    }
    Ok(())
}

fn triggers(
    database: Database,
    table: &str,
    key: &[String],
    kind: Option<&str>,
    folder: &Path,
) -> Result<(), String> {
    let mut triggers = Triggers::of(table, key)?;
    if let Some(kind) = kind {
        triggers = triggers.kind(kind)?;
    }
    let Written { up, down } = match database {
        Database::Sqlite => triggers.sqlite(),
        Database::Postgres => triggers.postgres(),
        Database::Mysql => triggers.mysql(),
    };
    export(&[(triggers.name(), &up, &down)], folder)
}

/// All or nothing: what is there already, and says something else, is left as it is.
fn export(migrations: &[(String, &str, &str)], folder: &Path) -> Result<(), String> {
    let files = migrations.iter().flat_map(|(name, up, down)| {
        let folder = folder.join(name);
        [(folder.join("up.sql"), *up), (folder.join("down.sql"), *down)]
    });
    let files: Vec<_> = files.collect();
    for (file, sql) in &files {
        if fs::read_to_string(file).is_ok_and(|there| there != *sql) {
            return Err(format!(
                "{} is there already and says something else; move it away, or export to another \
                 folder with --folder",
                file.display()
            ));
        }
    }
    for (file, sql) in files {
        let written = file.parent().map_or(Ok(()), fs::create_dir_all);
        written
            .and_then(|()| fs::write(&file, sql))
            .map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
        say(&file.display().to_string())?;
    }
    Ok(())
}

fn say(line: &str) -> Result<(), String> {
    writeln!(std::io::stdout(), "{line}").map_err(|error| error.to_string())
}

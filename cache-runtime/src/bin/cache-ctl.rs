//! `cache-ctl`: what an operator does beside a running application.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cache_runtime::migrations::{self, Migration};
use clap::{Parser, Subcommand, ValueEnum};

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
    /// The outboxes of models that are written behind.
    #[command(subcommand)]
    Outbox(outbox::Outbox),
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
    let done = match Arguments::parse().command {
        Command::Migrations(Migrations::List) => list(),
        Command::Migrations(Migrations::Export { database, folder }) => {
            export(database.migrations(), &folder)
        }
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

/// All or nothing: what is there already, and says something else, is left as it is.
fn export(migrations: &[Migration], folder: &Path) -> Result<(), String> {
    let files = migrations.iter().flat_map(|migration| {
        let folder = folder.join(migration.name);
        [(folder.join("up.sql"), migration.up), (folder.join("down.sql"), migration.down)]
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

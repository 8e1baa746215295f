//! `cache-ctl`, as an operator runs it.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use cache_runtime::migrations;
use diesel::Connection as _;
use diesel::connection::SimpleConnection as _;

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let command = env!("CARGO_BIN_EXE_cache-ctl");
    Command::new(command).args(arguments).current_dir(folder).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn migrations_are_exported_and_make_the_tables() {
    let folder = tempfile::tempdir().unwrap();
    let export = ["migrations", "export", "--database", "sqlite"];
    let done = run(folder.path(), &export);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let mut database = diesel::SqliteConnection::establish(":memory:").unwrap();
    for migration in migrations::SQLITE {
        let own = folder.path().join("migrations").join(migration.name);
        assert_eq!(fs::read_to_string(own.join("up.sql")).unwrap(), migration.up);
        assert_eq!(fs::read_to_string(own.join("down.sql")).unwrap(), migration.down);
        assert!(text(&done.stdout).contains(migration.name));
        database.batch_execute(migration.up).unwrap();
        database.batch_execute(migration.down).unwrap();
        database.batch_execute(migration.up).unwrap();
    }
    assert!(run(folder.path(), &export).status.success(), "once more changes nothing");
}

#[test]
fn a_migration_that_was_changed_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let name = migrations::POSTGRES[0].name;
    let own = folder.path().join("elsewhere").join(name);
    fs::create_dir_all(&own).unwrap();
    fs::write(own.join("down.sql"), "-- mine").unwrap();
    let arguments = ["migrations", "export", "--database", "postgres", "--folder", "elsewhere"];
    let refused = run(folder.path(), &arguments);
    assert!(!refused.status.success());
    assert!(text(&refused.stderr).contains("says something else"), "{}", text(&refused.stderr));
    assert!(!own.join("up.sql").exists(), "nothing was written");
    assert_eq!(fs::read_to_string(own.join("down.sql")).unwrap(), "-- mine");
}

#[test]
fn triggers_are_exported_and_tell_of_rows() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "triggers",
        "export",
        "--database",
        "sqlite",
        "--table",
        "seats",
        "--key",
        "hall",
        "--key",
        "number",
        "--kind",
        "seat.changed",
    ];
    let done = run(folder.path(), &arguments);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let own = folder.path().join("migrations/2026-11-26-100000_cache_events_of_seats");
    let (up, down) =
        (fs::read_to_string(own.join("up.sql")), fs::read_to_string(own.join("down.sql")));
    let mut database = diesel::SqliteConnection::establish(":memory:").unwrap();
    let mut run_sql = |sql: &str| database.batch_execute(sql).unwrap();
    for migration in migrations::SQLITE {
        run_sql(migration.up);
    }
    run_sql("CREATE TABLE seats (hall TEXT, number INTEGER, taken INTEGER)");
    run_sql(&up.unwrap());
    run_sql("INSERT INTO seats VALUES ('it''s', 7, 0); UPDATE seats SET number = 8");
    run_sql(
        "CREATE TABLE told (n INTEGER CHECK (n = 3)); INSERT INTO told SELECT count(*) FROM \
         cache_events WHERE event_type = 'seat.changed' AND row_key IN ('[\"it''s\",7]', \
         '[\"it''s\",8]')",
    );
    run_sql(&down.unwrap());
    run_sql("DELETE FROM cache_events; DELETE FROM seats");
    run_sql("DROP TABLE told; CREATE TABLE told (n INTEGER CHECK (n = 0))");
    run_sql("INSERT INTO told SELECT count(*) FROM cache_events");

    let quoted = ["triggers", "export", "--database", "mysql", "--table", "a b", "--key", "id"];
    let refused = run(folder.path(), &quoted);
    assert!(text(&refused.stderr).contains("letters, digits and underscores"));
}

#[test]
fn a_mistake_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let refused = run(folder.path(), &["migrations", "export", "--database", "oracle"]);
    assert!(!refused.status.success());
    assert!(text(&refused.stderr).contains("sqlite, postgres, mysql"), "{}", text(&refused.stderr));
    let listed = run(folder.path(), &["migrations", "list"]);
    let names: Vec<&str> = migrations::SQLITE.iter().map(|migration| migration.name).collect();
    assert_eq!(text(&listed.stdout).trim().lines().collect::<Vec<_>>(), names);
}

#[test]
fn an_outbox_is_looked_after() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("outbox.sqlite");
    let mut database = diesel::SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    let outbox = migrations::SQLITE.iter().find(|it| it.name.ends_with("cache_outbox")).unwrap();
    database.batch_execute(outbox.up).unwrap();
    // What an application with one model leaves: the table `page`, the keys 1 and 2.
    database
        .batch_execute(
            "INSERT INTO cache_outbox_models VALUES (1, '70616765'); \
             INSERT INTO cache_outbox_stripes VALUES (40, 3, 2, 0); \
             INSERT INTO cache_outbox_claims VALUES (40, 3); \
             INSERT INTO cache_parked VALUES (40, 0, '69313a31', 2, '{\"views\":1}', 1, 5, 'too many', 1); \
             INSERT INTO cache_parked VALUES (40, 1, '69313a31', 2, '{\"views\":2}', 1, 5, 'behind', 0); \
             INSERT INTO cache_parked VALUES (40, 2, '69313a32', 2, '{\"views\":3}', 1, 5, 'no row', 1)",
        )
        .unwrap();
    let told = |arguments: &[&str]| {
        let place = ["--database", file.to_str().unwrap()];
        let done = run(folder.path(), &[&["outbox"], arguments, &place].concat());
        assert!(done.status.success(), "{}", text(&done.stderr));
        text(&done.stdout)
    };
    assert_eq!(told(&["status"]), "page: 0 pending, the oldest for 0.0 s; 3 parked, of 2 rows\n");
    let listed = told(&["list"]);
    assert!(listed.contains("page i1:1: parked, 2 writes: too many"), "{listed}");
    assert!(!listed.contains("views"), "what they say is hidden");
    assert!(told(&["list", "--payloads", "--key", "i1:2"]).contains("{\"views\":3}"));
    assert_eq!(told(&["list", "--table", "other"]), "");
    assert_eq!(told(&["list", "--older-than", "4000000000"]), "");
    let tried = told(&["discard", "--error", "too", "--dry-run", "--json"]);
    assert!(tried.contains("\"state\":\"would be discarded\""), "{tried}");
    assert!(told(&["status"]).contains("3 parked"), "nothing was done");
    assert!(told(&["skip", "--key", "i1:1"]).contains("skipped"));
    assert!(told(&["status"]).contains("1 pending"));
    assert!(told(&["retry"]).contains("page i1:2: retried"));
    let json = told(&["status", "--json"]);
    assert!(json.contains("\"pending\":2") && json.contains("\"parked_rows\":0"), "{json}");
    let shown = told(&["show", "--table", "page", "--key", "i1:1"]);
    assert_eq!(shown, "page i1:1 40/1: merge, pending\n", "what it says is hidden");
    let shown = told(&["show", "--table", "page", "--key", "i1:2", "--payloads", "--json"]);
    assert!(shown.contains(r#""payload":"{\"views\":3}""#), "{shown}");
    assert_eq!(told(&["show", "--table", "other", "--key", "i1:1"]), "");
    // One row's writes go as soon as they are pending; nobody flushes the other.
    database
        .batch_execute(
            "INSERT INTO cache_parked SELECT *, 'again', 1 FROM cache_outbox; DELETE FROM \
             cache_outbox; UPDATE cache_outbox_stripes SET parked = 2, skipped = 3; CREATE TRIGGER \
             flush AFTER INSERT ON cache_outbox WHEN new.aggregate = '69313a31' BEGIN DELETE FROM \
             cache_outbox WHERE seq = new.seq; END",
        )
        .unwrap();
    let tried = told(&["replay", "--dry-run"]);
    assert!(tried.contains("0 flushed") && tried.contains("would be replayed"), "{tried}");
    let replayed = told(&["replay", "--wait", "1"]);
    assert!(replayed.contains("page i1:1: flushed"), "{replayed}");
    assert!(replayed.contains("page i1:2: still pending"), "{replayed}");
    let count = "2 rows: 1 flushed, 0 parked again, 1 still pending, 0 changed meanwhile and left";
    assert_eq!(replayed.lines().last(), Some(count));
    let nowhere = run(folder.path(), &["outbox", "status", "--database", "nowhere.sqlite"]);
    assert!(text(&nowhere.stderr).contains("there is no file"), "{}", text(&nowhere.stderr));
    assert!(!folder.path().join("nowhere.sqlite").exists());
}

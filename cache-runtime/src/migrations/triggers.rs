//! Triggers that put an event into `cache_events` for each row that anybody changes.

/// The triggers of one table, for a migration beside the application's own. See
/// `cache-ctl triggers export`.
///
/// Whoever writes the table needs the right to insert into `cache_events`. A key's columns must be of types
/// that JSON has, or that are written as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Triggers {
    table: String,
    key: Vec<String>,
    kind: String,
}

/// What a migration consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// `up.sql`
    pub up: String,
    /// `down.sql`
    pub down: String,
}

impl Triggers {
    /// Those of a table with this key, whose events are of a kind named as the table.
    ///
    /// # Errors
    ///
    /// In words, if a name is none that needs no quotes.
    pub fn of(table: &str, key: &[impl AsRef<str>]) -> Result<Self, String> {
        let key: Vec<String> = key.iter().map(|column| column.as_ref().to_owned()).collect();
        if key.is_empty() {
            return Err("name the columns of the key".to_owned());
        }
        for name in table.split('.').chain(key.iter().map(String::as_str)) {
            let plain = name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_');
            if !plain || name.is_empty() || name.as_bytes()[0].is_ascii_digit() {
                return Err(format!(
                    "`{name}` is not a name of letters, digits and underscores; write these \
                     triggers by hand, on the pattern of another table's"
                ));
            }
        }
        Ok(Self { table: table.to_owned(), key, kind: table.to_owned() })
    }

    /// The same, with events of this kind.
    ///
    /// # Errors
    ///
    /// In words, if it holds a quote or a backslash.
    pub fn kind(mut self, kind: &str) -> Result<Self, String> {
        if kind.is_empty() || kind.contains(['\'', '\\']) {
            return Err("the kind of an event has no quotes and no backslashes".to_owned());
        }
        self.kind = kind.to_owned();
        Ok(self)
    }

    /// The folder of the migration.
    pub fn name(&self) -> String {
        format!("2026-11-26-100000_{}", self.prefix())
    }

    fn prefix(&self) -> String {
        format!("cache_events_of_{}", self.table.replace('.', "_"))
    }

    /// For SQLite: also of what cascades. A key of bytes cannot be told, and its writes would fail.
    pub fn sqlite(&self) -> Written {
        self.three("json_array")
    }

    /// For MySQL and MariaDB: neither of what cascades nor of TRUNCATE, which fire no trigger there.
    pub fn mysql(&self) -> Written {
        self.three("JSON_ARRAY")
    }

    fn three(&self, array: &str) -> Written {
        let Self { table, kind, .. } = self;
        let prefix = self.prefix();
        let told = |row: &str| format!("SELECT '{kind}', {array}({})", self.columns(row));
        let (old, new) = (told("OLD"), told("NEW"));
        let both = format!("{old} UNION {new}");
        let (mut up, mut down) = (String::new(), String::new());
        for (when, what) in [("INSERT", &new), ("UPDATE", &both), ("DELETE", &old)] {
            let name = format!("{prefix}_{}", when.to_lowercase());
            up += &format!(
                "CREATE TRIGGER {name} AFTER {when} ON {table} FOR EACH ROW\nBEGIN\n    INSERT INTO \
                 cache_events (event_type, row_key) {what};\nEND;\n"
            );
            down += &format!("DROP TRIGGER {name};\n");
        }
        Written { up, down }
    }

    /// For PostgreSQL: also of what cascades, and of TRUNCATE.
    pub fn postgres(&self) -> Written {
        let Self { table, kind, .. } = self;
        let prefix = self.prefix();
        let told =
            |row: &str| format!("SELECT '{kind}', jsonb_build_array({})::text", self.columns(row));
        let (old, new) = (told("OLD"), told("NEW"));
        let insert = "INSERT INTO cache_events (event_type, row_key)";
        let up = format!(
            "CREATE FUNCTION {prefix}() RETURNS trigger AS $$\nBEGIN\n    IF TG_OP = 'INSERT' THEN\n        \
             {insert} {new};\n    ELSIF TG_OP = 'UPDATE' THEN\n        {insert} {old} UNION {new};\n    \
             ELSIF TG_OP = 'DELETE' THEN\n        {insert} {old};\n    ELSE\n        INSERT INTO \
             cache_events (event_type) VALUES ('{kind}');\n    END IF;\n    RETURN NULL;\nEND $$ LANGUAGE \
             plpgsql;\nCREATE TRIGGER {prefix}_rows AFTER INSERT OR UPDATE OR DELETE ON {table}\n    FOR \
             EACH ROW EXECUTE FUNCTION {prefix}();\nCREATE TRIGGER {prefix}_table AFTER TRUNCATE ON \
             {table}\n    FOR EACH STATEMENT EXECUTE FUNCTION {prefix}();\n"
        );
        let down = format!(
            "DROP TRIGGER {prefix}_table ON {table};\nDROP TRIGGER {prefix}_rows ON {table};\nDROP \
             FUNCTION {prefix}();\n"
        );
        Written { up, down }
    }

    fn columns(&self, row: &str) -> String {
        self.key.iter().map(|column| format!("{row}.{column}")).collect::<Vec<_>>().join(", ")
    }
}

-- What writes of models with `consistency = "bounded(..)"` have changed, until it is applied.
CREATE TABLE cache_invalidations (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    scope TEXT NOT NULL,
    bucket BIGINT NOT NULL,
    entries TEXT
);
CREATE INDEX cache_invalidations_by_bucket ON cache_invalidations (scope, bucket);

-- The name of the watermark that was last set for each bucket of a table.
CREATE TABLE cache_watermarks (
    scope TEXT NOT NULL,
    bucket BIGINT NOT NULL,
    name TEXT NOT NULL,
    identity TEXT NOT NULL,
    PRIMARY KEY (scope, bucket)
);

-- Which process applies the changes of a table, and the smallest bound that any declares.
CREATE TABLE cache_leaders (
    scope TEXT PRIMARY KEY NOT NULL,
    holder TEXT NOT NULL,
    until_ms BIGINT NOT NULL,
    bound_ms BIGINT NOT NULL
);

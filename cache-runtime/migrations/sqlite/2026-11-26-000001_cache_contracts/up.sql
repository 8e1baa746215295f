-- How often what is registered below has changed. It begins with the time and goes on from there, so
-- that no generation comes again, even where these tables are made anew.
CREATE TABLE cache_registry (
    id BIGINT PRIMARY KEY NOT NULL,
    version BIGINT NOT NULL
);
INSERT INTO cache_registry (id, version) SELECT 1, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER);

-- The live processes: which kinds of entries each knows, and which tables it writes. A transaction that
-- writes holds its process's row, shared, until it has ended.
CREATE TABLE cache_processes (
    id TEXT PRIMARY KEY NOT NULL,
    program TEXT NOT NULL,
    knows TEXT NOT NULL,
    writes TEXT NOT NULL
);

-- How long each is live without another word, and which version it reads and writes by. Apart from the
-- rows above, so that a long transaction does not hold up a lease.
CREATE TABLE cache_leases (
    process TEXT PRIMARY KEY NOT NULL,
    until_ms BIGINT NOT NULL,
    seen BIGINT NOT NULL
);

-- The kinds of entries: the tables that concern each, the generation that its names have, since which
-- version, and at which version it was withdrawn; 0 if it is not.
CREATE TABLE cache_kinds (
    id TEXT PRIMARY KEY NOT NULL,
    label TEXT NOT NULL,
    concerns TEXT NOT NULL,
    generation BIGINT NOT NULL,
    since BIGINT NOT NULL,
    withdrawn BIGINT NOT NULL
);

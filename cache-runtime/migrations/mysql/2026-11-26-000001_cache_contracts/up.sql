-- How often what is registered below has changed. It begins with the time and goes on from there, so
-- that no generation comes again, even where these tables are made anew.
CREATE TABLE cache_registry (
    id BIGINT PRIMARY KEY NOT NULL,
    version BIGINT NOT NULL
) ENGINE = InnoDB;
INSERT INTO cache_registry (id, version) SELECT 1, CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED);

-- The live processes: which kinds of entries each knows, and which tables it writes. A transaction that
-- writes holds its process's row, shared, until it has ended.
CREATE TABLE cache_processes (
    id VARCHAR(64) CHARACTER SET ascii PRIMARY KEY NOT NULL,
    program VARCHAR(700) CHARACTER SET ascii NOT NULL,
    knows MEDIUMTEXT CHARACTER SET ascii NOT NULL,
    writes MEDIUMTEXT CHARACTER SET ascii NOT NULL
) ENGINE = InnoDB;

-- How long each is live without another word, and which version it reads and writes by. Apart from the
-- rows above, so that a long transaction does not hold up a lease.
CREATE TABLE cache_leases (
    process VARCHAR(64) CHARACTER SET ascii PRIMARY KEY NOT NULL,
    until_ms BIGINT NOT NULL,
    seen BIGINT NOT NULL
) ENGINE = InnoDB;

-- The kinds of entries: the tables that concern each, the generation that its names have, since which
-- version, and at which version it was withdrawn; 0 if it is not.
CREATE TABLE cache_kinds (
    id VARCHAR(64) CHARACTER SET ascii PRIMARY KEY NOT NULL,
    label VARCHAR(700) CHARACTER SET ascii NOT NULL,
    concerns MEDIUMTEXT CHARACTER SET ascii NOT NULL,
    generation BIGINT NOT NULL,
    since BIGINT NOT NULL,
    withdrawn BIGINT NOT NULL
) ENGINE = InnoDB;

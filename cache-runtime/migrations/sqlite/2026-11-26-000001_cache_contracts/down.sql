-- Refuses while a process is registered: it could not write any more.
DROP TABLE IF EXISTS cache_is_empty;
CREATE TEMPORARY TABLE cache_is_empty (pending BIGINT NOT NULL CHECK (pending = 0));
INSERT INTO cache_is_empty SELECT count(*) FROM cache_processes;
DROP TABLE cache_is_empty;
DROP TABLE cache_kinds;
DROP TABLE cache_leases;
DROP TABLE cache_processes;
DROP TABLE cache_registry;

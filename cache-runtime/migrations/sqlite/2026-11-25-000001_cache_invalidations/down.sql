-- Refuses while a change waits to be applied: it would never be.
DROP TABLE IF EXISTS cache_is_empty;
CREATE TEMPORARY TABLE cache_is_empty (pending BIGINT NOT NULL CHECK (pending = 0));
INSERT INTO cache_is_empty SELECT count(*) FROM cache_invalidations;
DROP TABLE cache_is_empty;
DROP TABLE cache_invalidations;
DROP TABLE cache_watermarks;
DROP TABLE cache_leaders;

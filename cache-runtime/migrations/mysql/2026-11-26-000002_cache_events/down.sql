-- Refuses while there are events, also of those set aside: they would never be applied.
DROP TABLE IF EXISTS cache_is_empty;
CREATE TEMPORARY TABLE cache_is_empty (pending BIGINT NOT NULL CHECK (pending = 0));
INSERT INTO cache_is_empty SELECT count(*) FROM cache_events;
DROP TABLE cache_is_empty;
DROP TABLE cache_events;

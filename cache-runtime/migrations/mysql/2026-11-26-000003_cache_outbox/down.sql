-- Refuses while a write waits to be applied, or is parked: it would be lost.
DROP TABLE IF EXISTS cache_is_empty;
CREATE TEMPORARY TABLE cache_is_empty (pending BIGINT NOT NULL CHECK (pending = 0));
INSERT INTO cache_is_empty SELECT count(*) FROM cache_outbox;
INSERT INTO cache_is_empty SELECT count(*) FROM cache_parked;
DROP TABLE cache_is_empty;
DROP TABLE cache_parked;
DROP TABLE cache_outbox;
DROP TABLE cache_outbox_claims;
DROP TABLE cache_outbox_stripes;
DROP TABLE cache_outbox_models;

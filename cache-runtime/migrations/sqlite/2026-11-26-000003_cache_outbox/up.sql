-- The models that write behind: each has the stripes from id * 32 on.
CREATE TABLE cache_outbox_models (
    id BIGINT PRIMARY KEY NOT NULL,
    model TEXT NOT NULL UNIQUE
);

-- The heads: who enqueues locks one, takes the next numbers, and inserts under the lock. So within a
-- stripe the order of the numbers is that of the commits. parked: how many rows have parked writes;
-- skipped: how many numbers went to these at once.
CREATE TABLE cache_outbox_stripes (
    stripe BIGINT PRIMARY KEY NOT NULL,
    next_seq BIGINT NOT NULL,
    parked BIGINT NOT NULL,
    skipped BIGINT NOT NULL
);

-- The claims: who flushes locks one. Apart from the heads, so that enqueueing goes on meanwhile.
CREATE TABLE cache_outbox_claims (
    stripe BIGINT PRIMARY KEY NOT NULL,
    removed BIGINT NOT NULL
);

-- What was acknowledged and is not in its table yet. kind: 0 the whole row, 1 its deletion, 2 a delta, 3 one by a read.
CREATE TABLE cache_outbox (
    stripe BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    aggregate TEXT NOT NULL,
    kind BIGINT NOT NULL,
    payload TEXT NOT NULL,
    version BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (stripe, seq)
);
CREATE INDEX cache_outbox_by_aggregate ON cache_outbox (aggregate);

-- What cannot be applied, and whatever came after it for the same row.
CREATE TABLE cache_parked (
    stripe BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    aggregate TEXT NOT NULL,
    kind BIGINT NOT NULL,
    payload TEXT NOT NULL,
    version BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    error TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    PRIMARY KEY (stripe, seq)
);
CREATE INDEX cache_parked_by_aggregate ON cache_parked (aggregate);

-- What other programs tell of their changes, in the transactions of these: domain events.
-- To be inserted: `event_type`, and what else there is of `row_key` (JSON, or plain text; none for
-- the whole table), `event_id`, `version`, `payload`. The rest is the consumers'.
CREATE TABLE cache_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    event_type TEXT NOT NULL,
    row_key TEXT,
    event_id TEXT,
    version BIGINT,
    payload TEXT,
    created_ms BIGINT NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)),
    -- 0: to be applied. 1: cannot be read. 2: of a kind that no model takes.
    state BIGINT NOT NULL DEFAULT 0,
    error TEXT,
    holder TEXT NOT NULL DEFAULT '',
    claimed_ms BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX cache_events_by_state ON cache_events (state, id);

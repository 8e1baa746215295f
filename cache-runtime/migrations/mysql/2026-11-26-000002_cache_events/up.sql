-- What other programs tell of their changes, in the transactions of these: domain events.
-- To be inserted: `event_type`, and what else there is of `row_key` (JSON, or plain text; none for
-- the whole table), `event_id`, `version`, `payload`. The rest is the consumers'.
CREATE TABLE cache_events (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    event_type VARCHAR(255) NOT NULL,
    row_key TEXT,
    event_id VARCHAR(255),
    version BIGINT,
    payload MEDIUMTEXT,
    created_ms BIGINT NOT NULL DEFAULT (CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)),
    -- 0: to be applied. 1: cannot be read. 2: of a kind that no model takes.
    state BIGINT NOT NULL DEFAULT 0,
    error TEXT,
    holder VARCHAR(255) CHARACTER SET ascii NOT NULL DEFAULT '',
    claimed_ms BIGINT NOT NULL DEFAULT 0
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
CREATE INDEX cache_events_by_state ON cache_events (state, id);

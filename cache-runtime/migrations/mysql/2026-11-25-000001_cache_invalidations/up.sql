-- What writes of models with `consistency = "bounded(..)"` have changed, until it is applied.
CREATE TABLE cache_invalidations (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    scope VARCHAR(512) CHARACTER SET ascii NOT NULL,
    bucket BIGINT NOT NULL,
    entries MEDIUMTEXT CHARACTER SET ascii
) ENGINE = InnoDB;
CREATE INDEX cache_invalidations_by_bucket ON cache_invalidations (scope, bucket);

-- The name of the watermark that was last set for each bucket of a table.
CREATE TABLE cache_watermarks (
    scope VARCHAR(512) CHARACTER SET ascii NOT NULL,
    bucket BIGINT NOT NULL,
    name VARCHAR(255) CHARACTER SET ascii NOT NULL,
    identity VARCHAR(255) CHARACTER SET ascii NOT NULL,
    PRIMARY KEY (scope, bucket)
) ENGINE = InnoDB;

-- Which process applies the changes of a table, and the smallest bound that any declares.
CREATE TABLE cache_leaders (
    scope VARCHAR(512) CHARACTER SET ascii PRIMARY KEY,
    holder VARCHAR(255) CHARACTER SET ascii NOT NULL,
    until_ms BIGINT NOT NULL,
    bound_ms BIGINT NOT NULL
) ENGINE = InnoDB;

CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    login TEXT NOT NULL,
    email TEXT,
    display_name TEXT,
    is_admin BOOLEAN NOT NULL DEFAULT FALSE,
    legacy_uid BIGINT,
    created_at TIMESTAMP NOT NULL,
    deleted_at TIMESTAMP
);
CREATE UNIQUE INDEX users_login ON users (lower(login)) WHERE deleted_at IS NULL;

CREATE TABLE credentials (
    user_id BIGINT PRIMARY KEY NOT NULL REFERENCES users (id),
    password_hash TEXT NOT NULL,
    failed_attempts INTEGER NOT NULL DEFAULT 0,
    locked_until TIMESTAMP
);

CREATE TABLE sessions (
    token_hash BLOB PRIMARY KEY NOT NULL,
    user_id BIGINT NOT NULL REFERENCES users (id),
    user_agent TEXT NOT NULL,
    expires_at TIMESTAMP NOT NULL
);

CREATE TABLE api_tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    user_id BIGINT NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    token_hash BLOB NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    revoked BOOLEAN NOT NULL DEFAULT FALSE,
    created_at TIMESTAMP NOT NULL,
    last_used_at TIMESTAMP
);

CREATE TABLE organizations (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    slug TEXT NOT NULL UNIQUE,
    billing_email TEXT,
    plan TEXT NOT NULL DEFAULT 'free',
    seats INTEGER NOT NULL DEFAULT 3,
    suspended_at TIMESTAMP
);

CREATE TABLE members (
    organization_id BIGINT NOT NULL REFERENCES organizations (id),
    user_id BIGINT NOT NULL REFERENCES users (id),
    role TEXT NOT NULL,
    added_at TIMESTAMP NOT NULL,
    PRIMARY KEY (organization_id, user_id)
);

CREATE TABLE settings (
    organization_id BIGINT NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (organization_id, name)
);

CREATE TABLE packages (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name TEXT NOT NULL,
    canonical_name TEXT NOT NULL UNIQUE,
    organization_id BIGINT REFERENCES organizations (id),
    description TEXT,
    homepage TEXT,
    archived BOOLEAN NOT NULL DEFAULT FALSE,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL
);
CREATE TRIGGER packages_touch AFTER UPDATE OF description, homepage, archived ON packages BEGIN
    UPDATE packages SET updated_at = datetime(old.updated_at, '+1 second') WHERE id = old.id;
END;

CREATE TABLE releases (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    package_id BIGINT NOT NULL REFERENCES packages (id),
    number TEXT NOT NULL,
    checksum TEXT NOT NULL,
    size BIGINT NOT NULL,
    features TEXT NOT NULL,
    yanked BOOLEAN NOT NULL DEFAULT FALSE,
    published_by BIGINT REFERENCES users (id),
    published_at TIMESTAMP NOT NULL,
    UNIQUE (package_id, number)
);

CREATE TABLE dependencies (
    release_id BIGINT NOT NULL REFERENCES releases (id),
    position INTEGER NOT NULL,
    package_name TEXT NOT NULL,
    requirement TEXT NOT NULL,
    optional BOOLEAN NOT NULL,
    PRIMARY KEY (release_id, position)
);

CREATE TABLE readmes (
    release_id BIGINT PRIMARY KEY NOT NULL REFERENCES releases (id),
    body TEXT NOT NULL,
    rendered TEXT
);

CREATE TABLE categories (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    slug TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT ''
);

CREATE TABLE package_categories (
    package_id BIGINT NOT NULL REFERENCES packages (id),
    category_id BIGINT NOT NULL REFERENCES categories (id),
    PRIMARY KEY (package_id, category_id)
);

CREATE TABLE package_owners (
    package_id BIGINT NOT NULL REFERENCES packages (id),
    owner_id BIGINT NOT NULL,
    owner_kind INTEGER NOT NULL,
    added_by BIGINT REFERENCES users (id),
    deleted BOOLEAN NOT NULL DEFAULT FALSE,
    PRIMARY KEY (package_id, owner_id, owner_kind)
);

CREATE TABLE invitations (
    invitee_id BIGINT NOT NULL REFERENCES users (id),
    package_id BIGINT NOT NULL REFERENCES packages (id),
    inviter_id BIGINT NOT NULL REFERENCES users (id),
    code_hash BLOB NOT NULL UNIQUE,
    expires_at TIMESTAMP NOT NULL,
    PRIMARY KEY (invitee_id, package_id)
);

CREATE TABLE follows (
    user_id BIGINT NOT NULL REFERENCES users (id),
    package_id BIGINT NOT NULL REFERENCES packages (id),
    PRIMARY KEY (user_id, package_id)
);

CREATE TABLE downloads (
    release_id BIGINT NOT NULL REFERENCES releases (id),
    day DATE NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (release_id, day)
);

CREATE TABLE audit_entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    actor_id BIGINT,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    at TIMESTAMP NOT NULL
);

CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    run_at TIMESTAMP NOT NULL
);

CREATE VIEW package_stats AS
SELECT packages.id AS package_id,
       (SELECT count(*) FROM releases WHERE releases.package_id = packages.id) AS releases,
       (SELECT count(*) FROM follows WHERE follows.package_id = packages.id) AS followers,
       CAST((SELECT coalesce(sum(downloads.count), 0) FROM downloads
             JOIN releases ON releases.id = downloads.release_id
             WHERE releases.package_id = packages.id) AS BIGINT) AS downloads
FROM packages;

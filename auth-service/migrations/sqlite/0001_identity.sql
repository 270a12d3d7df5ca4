-- Who may sign in, and how they are. Times are unix microseconds in UTC; ids are UUIDs in 16 bytes; secrets stand here
-- only as their SHA-256. Numbers 1 to 99 are the identity rooms', 100 to 199 the history rooms'.

CREATE TABLE user_account (
    user_id BLOB NOT NULL PRIMARY KEY,
    identity_provider TEXT NOT NULL,
    -- Of local accounts; NULL for others.
    username TEXT UNIQUE,
    password_hash TEXT,
    -- The identity at the provider; NULL for local accounts.
    app_id TEXT,
    tenant_key TEXT,
    open_id TEXT,
    union_id TEXT,
    display_name TEXT NOT NULL,
    english_name TEXT NOT NULL,
    avatar_url TEXT NOT NULL,
    email TEXT NOT NULL,
    -- The names in lower case, to be searched.
    names TEXT NOT NULL,
    -- 1 member, 2 administrator.
    role INTEGER NOT NULL,
    disabled_time BIGINT,
    create_time BIGINT NOT NULL,
    last_login_time BIGINT,
    UNIQUE (identity_provider, app_id, tenant_key, open_id)
);
CREATE INDEX user_account_union ON user_account (identity_provider, union_id) WHERE union_id IS NOT NULL;
CREATE INDEX user_account_administrator ON user_account (user_id) WHERE role = 2 AND disabled_time IS NULL;

-- How many rows user_account has, kept in the transactions that change it.
CREATE TABLE user_total (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    total BIGINT NOT NULL
);
INSERT INTO user_total (id, total) VALUES (1, 0);

CREATE TABLE login_session (
    login_session_id BLOB NOT NULL PRIMARY KEY,
    secret_hash BLOB NOT NULL UNIQUE,
    user_id BLOB NOT NULL REFERENCES user_account (user_id),
    login_method_id TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    ip_address TEXT NOT NULL,
    create_time BIGINT NOT NULL,
    last_used_time BIGINT NOT NULL,
    -- The end of its absolute life.
    expire_time BIGINT NOT NULL
);
CREATE INDEX login_session_user ON login_session (user_id, login_session_id);
CREATE INDEX login_session_expire ON login_session (expire_time);
CREATE INDEX login_session_idle ON login_session (last_used_time);

CREATE TABLE api_token (
    api_token_id BLOB NOT NULL PRIMARY KEY,
    secret_hash BLOB NOT NULL UNIQUE,
    user_id BLOB NOT NULL REFERENCES user_account (user_id),
    name TEXT NOT NULL,
    -- Separated by spaces.
    scopes TEXT NOT NULL,
    shown_prefix TEXT NOT NULL,
    create_time BIGINT NOT NULL,
    last_used_time BIGINT,
    expire_time BIGINT NOT NULL
);
CREATE INDEX api_token_user ON api_token (user_id, api_token_id);
CREATE INDEX api_token_expire ON api_token (expire_time);

CREATE TABLE login_attempt (
    -- Of the secret that binds the attempt to a browser.
    secret_hash BLOB NOT NULL PRIMARY KEY,
    state_hash BLOB NOT NULL,
    login_method_id TEXT NOT NULL,
    return_to TEXT NOT NULL,
    used_time BIGINT,
    expire_time BIGINT NOT NULL
);
CREATE INDEX login_attempt_expire ON login_attempt (expire_time);

-- The one-time link of the first administrator.
CREATE TABLE setup_token (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    token_hash BLOB NOT NULL,
    create_time BIGINT NOT NULL
);

-- What a mutation answered under a request_id. `digest` is keyed: it tells nothing of a password in the request.
CREATE TABLE request_answer (
    user_id BLOB NOT NULL,
    request_id BLOB NOT NULL,
    digest BLOB NOT NULL,
    answer BLOB NOT NULL,
    create_time BIGINT NOT NULL,
    PRIMARY KEY (user_id, request_id)
);
CREATE INDEX request_answer_create ON request_answer (create_time);

-- Append-only: what happened to credentials and users. Never a secret.
CREATE TABLE audit_event (
    audit_event_id BLOB NOT NULL PRIMARY KEY,
    event_time BIGINT NOT NULL,
    event TEXT NOT NULL,
    -- Whom it happened to, and who did it; NULL if unknown.
    user_id BLOB,
    actor_user_id BLOB,
    credential_id BLOB,
    ip_address TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX audit_event_user ON audit_event (user_id, audit_event_id);
CREATE TRIGGER audit_event_no_update BEFORE UPDATE ON audit_event
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_event_no_delete BEFORE DELETE ON audit_event
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;

-- What users' kernels may reach. Entries are a JSON list of texts in their plain form; times are unix microseconds.
CREATE TABLE network_grants (
    grant_id        BLOB   NOT NULL PRIMARY KEY,
    user_id         BLOB   NOT NULL,
    entries         TEXT   NOT NULL,
    note            TEXT   NOT NULL,
    create_time     BIGINT NOT NULL,
    expire_time     BIGINT,
    creator_user_id BLOB   NOT NULL
);
CREATE INDEX network_grants_by_user ON network_grants (user_id, grant_id);
CREATE INDEX network_grants_by_end ON network_grants (expire_time) WHERE expire_time IS NOT NULL;

-- Mutations that were done, by who asked.
CREATE TABLE network_grant_requests (
    user_id     BLOB   NOT NULL,
    request_id  BLOB   NOT NULL,
    fingerprint BLOB   NOT NULL,
    grant_id    BLOB   NOT NULL,
    create_time BIGINT NOT NULL,
    PRIMARY KEY (user_id, request_id)
);
CREATE INDEX network_grant_requests_by_time ON network_grant_requests (create_time);

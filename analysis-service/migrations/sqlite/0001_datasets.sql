-- Uploads and datasets. Times are microseconds since 1970 in UTC; sums are SHA-256 in lower-case hexadecimal.

-- Counters of a user, kept in the transactions that change them.
-- used_bytes: each content that a dataset of the user has, once, however many datasets have it; and the declared size
-- of each open upload.
CREATE TABLE dataset_usage (
    user_id BLOB NOT NULL PRIMARY KEY,
    used_bytes BIGINT NOT NULL,
    dataset_count BIGINT NOT NULL,
    open_upload_count BIGINT NOT NULL
);

-- state: 1 open, 2 complete, 3 cancelled. sha256: as declared. content: as found, once all bytes were there and moved to
-- the store. expire_time: of an open one, when it is dropped; of others, when the row is forgotten.
CREATE TABLE upload (
    upload_id BLOB NOT NULL PRIMARY KEY,
    user_id BLOB NOT NULL,
    file_name TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    sha256 TEXT,
    content TEXT,
    state SMALLINT NOT NULL,
    dataset_id BLOB,
    expire_time BIGINT NOT NULL
);
CREATE INDEX upload_by_expiry ON upload (expire_time);

-- Stored bytes. reference_count: datasets and sealed open uploads of all users. orphan_time: since when it is 0.
CREATE TABLE content (
    sha256 TEXT NOT NULL PRIMARY KEY,
    size_bytes BIGINT NOT NULL,
    reference_count BIGINT NOT NULL,
    orphan_time BIGINT
);
CREATE INDEX content_by_orphan_time ON content (orphan_time) WHERE reference_count = 0;

-- How many datasets of a user have a content.
CREATE TABLE user_content (
    user_id BLOB NOT NULL,
    sha256 TEXT NOT NULL,
    reference_count BIGINT NOT NULL,
    PRIMARY KEY (user_id, sha256)
);

-- What parsing a content with certain options gave. table_id: the sum over both; also the columnar file's name.
CREATE TABLE parsed_table (
    table_id TEXT NOT NULL PRIMARY KEY,
    sha256 TEXT NOT NULL,
    row_count BIGINT NOT NULL,
    column_count BIGINT NOT NULL,
    options TEXT NOT NULL,
    warnings TEXT NOT NULL,
    columns TEXT NOT NULL
);
CREATE INDEX parsed_table_by_content ON parsed_table (sha256);

-- name_folded: lower-case, for searching.
CREATE TABLE dataset (
    user_id BLOB NOT NULL,
    dataset_id BLOB NOT NULL,
    name TEXT NOT NULL,
    name_folded TEXT NOT NULL,
    file_name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    table_id TEXT NOT NULL,
    create_time BIGINT NOT NULL,
    PRIMARY KEY (user_id, dataset_id)
);

-- Mutations that were done, so that a repeated one is the same one.
CREATE TABLE dataset_request (
    user_id BLOB NOT NULL,
    request_id BLOB NOT NULL,
    fingerprint BLOB NOT NULL,
    resource_id BLOB NOT NULL,
    create_time BIGINT NOT NULL,
    PRIMARY KEY (user_id, request_id)
);
CREATE INDEX dataset_request_by_time ON dataset_request (create_time);

-- One row for every execution that was accepted. outcome is 0 until it has ended.
CREATE TABLE execution (
    execution_id BLOB NOT NULL PRIMARY KEY,
    user_id BLOB NOT NULL,
    request_id BLOB NOT NULL,
    request_hash BLOB NOT NULL,
    kernel_id BLOB NOT NULL,
    code TEXT NOT NULL,
    datasets TEXT NOT NULL,
    create_time BIGINT NOT NULL,
    start_time BIGINT,
    end_time BIGINT,
    outcome INTEGER NOT NULL DEFAULT 0,
    last_sequence BIGINT NOT NULL DEFAULT 0,
    execution_count INTEGER NOT NULL DEFAULT 0,
    log_place INTEGER NOT NULL DEFAULT 0,
    requests BLOB
);

CREATE UNIQUE INDEX execution_by_request ON execution (user_id, request_id);
CREATE INDEX execution_by_user ON execution (user_id, execution_id);
CREATE INDEX execution_by_kernel ON execution (user_id, kernel_id, execution_id);
CREATE INDEX execution_without_end ON execution (execution_id) WHERE outcome = 0;
CREATE INDEX execution_with_log ON execution (end_time) WHERE log_place IN (1, 2);

-- The records of a small log, as they stood in its spool file.
CREATE TABLE execution_log (
    execution_id BLOB NOT NULL PRIMARY KEY REFERENCES execution (execution_id) ON DELETE CASCADE,
    log BLOB NOT NULL
);

-- The contents in the object store that a finished execution's events, or its history, refer to.
CREATE TABLE execution_content (
    execution_id BLOB NOT NULL REFERENCES execution (execution_id) ON DELETE CASCADE,
    sha256 TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (execution_id, sha256)
);

CREATE INDEX execution_content_by_sha256 ON execution_content (sha256);

-- Finished executions on their way to the history. A row goes when the other side has acknowledged it.
CREATE TABLE outbox (
    history_entry_id BLOB NOT NULL PRIMARY KEY,
    item BLOB NOT NULL,
    create_time BIGINT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_time BIGINT NOT NULL DEFAULT 0,
    set_aside_time BIGINT,
    refusal TEXT
);

CREATE INDEX outbox_due ON outbox (history_entry_id) WHERE set_aside_time IS NULL;

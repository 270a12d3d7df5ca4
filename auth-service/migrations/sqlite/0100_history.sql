-- What users have done. Times are unix microseconds in UTC; ids are UUIDs in 16 bytes. Numbers 100 to 199 are the history
-- rooms'. Three kinds of tables: contents in the order of their arrival, lists in the order of their reading, and sums.

-- The code and the result of every entry, and, by its UNIQUE id, the proof that an entry was taken: the row of an entry
-- that is removed for good stays behind, emptied, so that the entry is not taken a second time. It has a rowid, so that
-- rows of 2 KB fill pages in the order of arrival; lists do not read it.
CREATE TABLE history_content (
    content_id INTEGER NOT NULL PRIMARY KEY,
    history_entry_id BLOB NOT NULL UNIQUE,
    code TEXT NOT NULL,
    -- The encoded OutputEvents of the contract, each behind its length.
    outputs BLOB NOT NULL
);

-- The entries as lists show them, in reading order: a page of one user is one range of one tree.
CREATE TABLE history (
    user_id BLOB NOT NULL,
    history_entry_id BLOB NOT NULL,
    content_id BIGINT NOT NULL,
    end_time BIGINT NOT NULL,
    -- The entry as it stands in the contract's ListHistoryResponse (store/packed.rs): a page is these, one behind the other.
    summary BLOB NOT NULL,
    PRIMARY KEY (user_id, history_entry_id)
) WITHOUT ROWID;

-- Deleted entries stand here instead, so that no list passes over them.
CREATE TABLE history_deleted (
    user_id BLOB NOT NULL,
    history_entry_id BLOB NOT NULL,
    content_id BIGINT NOT NULL,
    end_time BIGINT NOT NULL,
    delete_time BIGINT NOT NULL,
    summary BLOB NOT NULL,
    PRIMARY KEY (user_id, history_entry_id)
) WITHOUT ROWID;
CREATE INDEX history_deleted_time ON history_deleted (delete_time);

-- Which entries, deleted ones left out, used a dataset.
CREATE TABLE history_dataset (
    user_id BLOB NOT NULL,
    dataset_id BLOB NOT NULL,
    history_entry_id BLOB NOT NULL,
    PRIMARY KEY (user_id, dataset_id, history_entry_id)
) WITHOUT ROWID;

-- Deletes and undeletes that were done, for a while: a repeated call is the same call.
CREATE TABLE history_request (
    user_id BLOB NOT NULL,
    request_id BLOB NOT NULL,
    -- 1 delete, 2 undelete.
    kind INTEGER NOT NULL,
    history_entry_id BLOB NOT NULL,
    create_time BIGINT NOT NULL,
    PRIMARY KEY (user_id, request_id)
) WITHOUT ROWID;
CREATE INDEX history_request_time ON history_request (create_time);

-- Sums over the entries in history, kept in the transactions that change it.
CREATE TABLE history_statistics (
    user_id BLOB NOT NULL PRIMARY KEY,
    total BIGINT NOT NULL,
    succeeded BIGINT NOT NULL,
    -- Of those that ran: how many, and their times from start to end.
    ran BIGINT NOT NULL,
    duration_micros BIGINT NOT NULL,
    datasets BIGINT NOT NULL,
    active_days BIGINT NOT NULL,
    -- The end of the newest entry; NULL without entries.
    last_activity_time BIGINT
) WITHOUT ROWID;

-- The same a day; days without entries have no row.
CREATE TABLE history_day (
    user_id BLOB NOT NULL,
    -- Days since 1970-01-01 in UTC.
    day INTEGER NOT NULL,
    total BIGINT NOT NULL,
    succeeded BIGINT NOT NULL,
    PRIMARY KEY (user_id, day)
) WITHOUT ROWID;

-- What a waiting execution is to be run with, for a service that takes it up after a restart. time_limit is in
-- microseconds; NULL: none of its own.
ALTER TABLE execution ADD COLUMN time_limit BIGINT;
ALTER TABLE execution ADD COLUMN continue_on_error INTEGER NOT NULL DEFAULT 0;

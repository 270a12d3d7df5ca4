-- Which execution another depends on, and how that has to end (1: as OK; 2: without a failure); NULL: on none. Why one was
-- cancelled or interrupted decides for those that depend on it; 0: it was not, or nobody said.
ALTER TABLE execution ADD COLUMN depends_on BLOB;
ALTER TABLE execution ADD COLUMN depends_on_condition INTEGER NOT NULL DEFAULT 0;
ALTER TABLE execution ADD COLUMN stop_cause INTEGER NOT NULL DEFAULT 0;

-- The number of a line of the audit is a column of its own: until now it was the one that SQLite gives to every row.
CREATE TABLE audit_line (
    -- In the order of their coming, without a gap.
    line_number INTEGER NOT NULL PRIMARY KEY,
    audit_event_id BLOB NOT NULL UNIQUE,
    event_time BIGINT NOT NULL,
    event TEXT NOT NULL,
    -- Whom it happened to, and who did it; NULL if unknown.
    user_id BLOB,
    actor_user_id BLOB,
    credential_id BLOB,
    ip_address TEXT NOT NULL,
    detail TEXT NOT NULL
);
INSERT INTO audit_line
    (line_number, audit_event_id, event_time, event, user_id, actor_user_id, credential_id, ip_address, detail)
    SELECT rowid, audit_event_id, event_time, event, user_id, actor_user_id, credential_id, ip_address, detail
    FROM audit_event ORDER BY rowid;

-- Its indexes and triggers go with it, and are made anew.
DROP TABLE audit_event;
ALTER TABLE audit_line RENAME TO audit_event;
CREATE INDEX audit_event_user ON audit_event (user_id, audit_event_id);
CREATE TRIGGER audit_event_no_update BEFORE UPDATE ON audit_event
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_event_oldest_first BEFORE DELETE ON audit_event
WHEN OLD.line_number > (SELECT MIN(line_number) FROM audit_event)
BEGIN SELECT RAISE(ABORT, 'only the oldest line of the audit can go'); END;

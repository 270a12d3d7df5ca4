-- The audit loses its oldest lines, so that it does not grow for ever, and no other line: nobody takes one out of the
-- middle. Rows are numbered as they are appended.
DROP TRIGGER audit_event_no_delete;
CREATE TRIGGER audit_event_oldest_first BEFORE DELETE ON audit_event
WHEN OLD.rowid > (SELECT MIN(rowid) FROM audit_event)
BEGIN SELECT RAISE(ABORT, 'only the oldest line of the audit can go'); END;

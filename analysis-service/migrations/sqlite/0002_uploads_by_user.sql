-- The open uploads of a user, for a list.
CREATE INDEX upload_by_user ON upload (user_id, upload_id) WHERE state = 1;

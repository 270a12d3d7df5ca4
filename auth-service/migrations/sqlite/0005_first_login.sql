-- When a user signed in first. NULL where nobody knows: not signed in yet, or before this was kept and before the audit's
-- oldest line.
ALTER TABLE user_account ADD COLUMN first_login_time BIGINT;

-- Somebody of an identity provider is made by signing in.
UPDATE user_account SET first_login_time = create_time WHERE identity_provider <> 'local';

-- Of a local account the audit knows it, where it goes back to the making of the account.
UPDATE user_account SET first_login_time = (
    SELECT MIN(event_time) FROM audit_event
    WHERE audit_event.user_id = user_account.user_id AND event IN ('login_succeeded', 'administrator_set_up'))
WHERE identity_provider = 'local' AND last_login_time IS NOT NULL AND EXISTS (
    SELECT 1 FROM audit_event
    WHERE audit_event.user_id = user_account.user_id AND event IN ('user_created', 'administrator_set_up'));

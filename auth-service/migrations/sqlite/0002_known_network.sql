-- From where users have signed in: longer than the LoginSessions made there, so that nobody is a stranger at home after a
-- logout.
CREATE TABLE known_network (
    user_id BLOB NOT NULL REFERENCES user_account (user_id),
    -- An IPv4 address, or the 64-bit network of an IPv6 one, such as `2001:db8::/64`.
    network TEXT NOT NULL,
    last_login_time BIGINT NOT NULL,
    PRIMARY KEY (user_id, network)
) WITHOUT ROWID;
CREATE INDEX known_network_login ON known_network (last_login_time);

-- IPv6 addresses are known again from the next login on: their networks are no part of their texts.
INSERT INTO known_network (user_id, network, last_login_time)
SELECT user_id, ip_address, MAX(create_time) FROM login_session
WHERE ip_address LIKE '%.%' AND ip_address NOT LIKE '%:%' GROUP BY user_id, ip_address;

-- Requests to cancel, and inputs, that were taken while an execution ran, from its end on: each is carried out once. They
-- stood in execution.requests before.
CREATE TABLE execution_request (
    user_id BLOB NOT NULL,
    request_id BLOB NOT NULL,
    execution_id BLOB NOT NULL,
    hash BLOB NOT NULL,
    end_time BIGINT NOT NULL,
    PRIMARY KEY (user_id, request_id)
);

CREATE INDEX execution_request_by_time ON execution_request (end_time);

//! The steps of the schema.

use fenxi_chassis::sqlite::Step;

/// This room's steps of the schema.
pub const STEPS: &[Step] = &[
    Step {
        number: 100,
        title: "kernels",
        sql: "
CREATE TABLE kernels (
    kernel_id          BLOB    NOT NULL PRIMARY KEY,
    owner_user_id      BLOB    NOT NULL,
    display_name       TEXT    NOT NULL,
    datasets           TEXT    NOT NULL,
    create_time        BIGINT  NOT NULL,
    last_activity_time BIGINT  NOT NULL,
    generation         INTEGER NOT NULL,
    death              BLOB,
    death_time         BIGINT
);
CREATE INDEX kernels_by_owner ON kernels (owner_user_id, kernel_id);
CREATE INDEX kernels_by_death ON kernels (death_time) WHERE death_time IS NOT NULL;
CREATE TABLE kernel_requests (
    owner_user_id BLOB   NOT NULL,
    request_id    BLOB   NOT NULL,
    kernel_id     BLOB   NOT NULL,
    fingerprint   BLOB   NOT NULL,
    create_time   BIGINT NOT NULL,
    PRIMARY KEY (owner_user_id, request_id)
);
CREATE INDEX kernel_requests_by_time ON kernel_requests (create_time);
",
    },
    Step {
        number: 220,
        title: "kernel specs",
        sql: "ALTER TABLE kernels ADD COLUMN kernel_spec TEXT NOT NULL DEFAULT 'python3'",
    },
    Step {
        number: 221,
        title: "kernels that are being started",
        // Of which generation it is known that it may have run code. Until now nobody noted it: all may have. And how often
        // a service has begun the start of this generation anew.
        sql: "ALTER TABLE kernels ADD COLUMN started_generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE kernels ADD COLUMN start_attempts INTEGER NOT NULL DEFAULT 0;
UPDATE kernels SET started_generation = generation;",
    },
    Step {
        number: 240,
        title: "kernels' files",
        sql: "ALTER TABLE kernels ADD COLUMN disk_bytes BIGINT NOT NULL DEFAULT 0",
    },
    Step {
        number: 250,
        title: "where requests lead",
        // Of those that were noted before it is not known.
        sql: "ALTER TABLE kernel_requests ADD COLUMN generation INTEGER",
    },
    Step {
        number: 251,
        title: "what requests are about",
        // As above.
        sql: "ALTER TABLE kernel_requests ADD COLUMN execution_id BLOB",
    },
];

-- On which days a user's entries, deleted ones left out, used a dataset: rows that are few and close together. With a row
-- an entry, as before, every entry wrote one more page of a large tree. Which entry used which stands in its summary.
CREATE TABLE history_dataset_use (
    user_id BLOB NOT NULL,
    dataset_id BLOB NOT NULL,
    -- The day of the entries' ends, as in history_day.
    day INTEGER NOT NULL,
    -- At least 1.
    entries BIGINT NOT NULL,
    -- No entry of the day that used it is outside of these. They stay as they are when entries are deleted. The ids of one
    -- day may reach into those of another.
    first_entry_id BLOB NOT NULL,
    last_entry_id BLOB NOT NULL,
    PRIMARY KEY (user_id, dataset_id, day)
) WITHOUT ROWID;

-- The division cuts off towards zero, and a day begins before its times.
INSERT INTO history_dataset_use (user_id, dataset_id, day, entries, first_entry_id, last_entry_id)
    SELECT user_id, dataset_id, day, COUNT(*), MIN(history_entry_id), MAX(history_entry_id)
    FROM (SELECT d.user_id, d.dataset_id, d.history_entry_id,
        (h.end_time - CASE WHEN h.end_time < 0 THEN 86399999999 ELSE 0 END) / 86400000000 AS day
        FROM history_dataset AS d
        JOIN history AS h ON h.user_id = d.user_id AND h.history_entry_id = d.history_entry_id) AS uses
    GROUP BY user_id, dataset_id, day;

DROP TABLE history_dataset;

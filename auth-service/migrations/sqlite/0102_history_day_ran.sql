-- Of a day's entries those that ran, as in history_statistics: what was cancelled before it ran has not failed.
ALTER TABLE history_day ADD COLUMN ran BIGINT NOT NULL DEFAULT 0;
UPDATE history_day SET ran = total;

-- Whether an entry ran stands in its summary alone, by its start_time, the field 8 (key x'42'): of users with entries that
-- never ran, each entry's fields are passed one by one up to it, or to the next one, end_time, which every entry has.
WITH RECURSIVE
octet (number, bytes) AS (
    SELECT 0, x'00' UNION ALL SELECT number + 1, unhex(format('%02X', number + 1)) FROM octet WHERE number < 255
),
field (user_id, day, summary, at) AS (
    -- Behind the key and the length of the whole.
    SELECT h.user_id, (h.end_time - CASE WHEN h.end_time < 0 THEN 86399999999 ELSE 0 END) / 86400000000, h.summary,
        CASE WHEN substr(h.summary, 2, 1) < x'80' THEN 3 WHEN substr(h.summary, 3, 1) < x'80' THEN 4 ELSE 5 END
    FROM history AS h JOIN history_statistics AS s ON s.user_id = h.user_id WHERE s.ran < s.total
    UNION ALL
    -- The outcome (key x'30') is one byte; all others before it have a length, of one byte or of two.
    SELECT f.user_id, f.day, f.summary, f.at + CASE WHEN substr(f.summary, f.at, 1) = x'30' THEN 2
        WHEN low.number < 128 THEN 2 + low.number ELSE 3 + low.number - 128 + high.number * 128 END
    FROM field AS f JOIN octet AS low ON low.bytes = substr(f.summary, f.at + 1, 1)
    LEFT JOIN octet AS high ON high.bytes = substr(f.summary, f.at + 2, 1)
    WHERE substr(f.summary, f.at, 1) < x'42'
),
never_ran (user_id, day, entries) AS (
    SELECT user_id, day, COUNT(*) FROM field WHERE substr(summary, at, 1) > x'42' GROUP BY user_id, day
)
UPDATE history_day SET ran = total - n.entries
FROM never_ran AS n WHERE n.user_id = history_day.user_id AND n.day = history_day.day;

-- A time with a zone, the same elsewhere, without one, typed, and until a day
SELECT
    count(*) FILTER (WHERE event_time >= '2026-11-01T12:00:00Z') AS zoned,
    count(*) FILTER (WHERE event_time >= '2026-11-01T14:00:00.000+02:00') AS elsewhere,
    count(*) FILTER (WHERE event_time >= '2026-11-01 12:00:00') AS bare,
    count(*) FILTER (WHERE TIMESTAMP '2026-11-01T12:00:00Z' <= event_time) AS typed,
    count(*) FILTER (WHERE event_time BETWEEN '2026-11-01' AND '2026-11-01T11:59:59Z') AS before,
    count(*) AS total
FROM failures

SELECT * FROM (SELECT 'failures' AS name, count(*) AS n FROM failures UNION ALL SELECT 'events', count(*) FROM events) AS both
ORDER BY n

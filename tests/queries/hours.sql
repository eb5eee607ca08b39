SELECT strftime(event_time, '%Y-%m-%d %H:00') AS hour, count(*) AS n
FROM failures
WHERE event_time > (TIMESTAMP '2026-11-01 12:00:00' - INTERVAL '2 hours') AND CAST(event_time AS DATE) = '2026-11-01'
GROUP BY hour
ORDER BY hour
LIMIT 3

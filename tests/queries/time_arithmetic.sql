SELECT first_seen, last_seen, last_seen - first_seen AS lasted, EXTRACT(hour FROM first_seen) AS hour
FROM incidents
WHERE last_seen - first_seen > INTERVAL '10 minutes'
ORDER BY lasted DESC, first_seen
LIMIT 3

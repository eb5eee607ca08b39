SELECT f.cause, i.state, i.owner, count(*) AS n
FROM failures AS f
JOIN incidents AS i ON f.incident_uid = i.incident_uid
WHERE i.level IN ('high', 'critical')
GROUP BY f.cause, i.state, i.owner
ORDER BY n DESC, f.cause, i.state
LIMIT 6

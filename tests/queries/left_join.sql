SELECT i.cause, i.credential_uid, c.state, c.successes
FROM incidents AS i
LEFT JOIN credentials AS c USING (credential_uid)
WHERE i.failures >= 3
ORDER BY i.first_seen, i.incident_uid
LIMIT 5

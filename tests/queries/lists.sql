SELECT incident_uid, array_length(src_ips) AS ips, src_ips[1] AS first_ip, array_to_string(operations, ' ') AS operations
FROM incidents
WHERE array_contains(src_ips, '203.0.113.10')
ORDER BY incident_uid
LIMIT 3

SELECT ip, count(*) AS incidents
FROM (SELECT UNNEST(src_ips) AS ip FROM incidents) AS ips
WHERE ip IS NOT NULL
GROUP BY ip
ORDER BY incidents DESC, ip
LIMIT 3

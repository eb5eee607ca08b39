SELECT cause, ip FROM incidents CROSS JOIN UNNEST(src_ips) AS ip WHERE ip LIKE '10.%' ORDER BY cause, ip LIMIT 3

SELECT CASE WHEN http_status >= 500 THEN 'server' WHEN http_status >= 400 THEN 'client' ELSE 'none told' END AS kind, count(*) AS n,
    count(*) FILTER (WHERE verdict = 'confirmed') AS confirmed
FROM failures GROUP BY kind ORDER BY n DESC

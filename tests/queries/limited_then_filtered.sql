SELECT count(*) AS n FROM (SELECT * FROM events LIMIT 10) AS ten WHERE status = 'success' OR status = 'failure' OR status = 'unknown'

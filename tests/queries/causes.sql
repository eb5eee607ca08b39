-- Which causes, how sure, how many credentials
SELECT cause, count(*) AS failures, count(DISTINCT credential_uid) AS credentials, round(avg(confidence), 2) AS sure
FROM failures
GROUP BY cause
HAVING count(*) > 10
ORDER BY failures DESC, cause
LIMIT 5

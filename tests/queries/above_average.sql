WITH usual AS (SELECT avg(failures) AS average FROM incidents)
SELECT i.cause, i.failures FROM incidents AS i CROSS JOIN usual AS u WHERE i.failures > 4 * u.average ORDER BY i.failures DESC, i.cause

SELECT first_seen, sum(failures) OVER (ORDER BY first_seen ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS so_far
FROM (SELECT first_seen, sum(failures) AS failures FROM incidents GROUP BY first_seen) AS by_time
ORDER BY first_seen
LIMIT 4

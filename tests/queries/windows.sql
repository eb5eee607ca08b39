-- The worst incident of each provider
SELECT provider, cause, failures, total
FROM (
    SELECT provider, cause, failures, sum(failures) OVER (PARTITION BY provider) AS total,
        row_number() OVER (PARTITION BY provider ORDER BY failures DESC, cause DESC) AS place
    FROM incidents
) AS ranked
WHERE place = 1 AND total > 3
ORDER BY total DESC, provider

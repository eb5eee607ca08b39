SELECT DISTINCT upper(cause) AS upper, length(cause) AS length, substr(cause, 1, 4) AS start, replace(cause, '.', '/') AS path,
    split_part(cause, '.', 1) AS branch, coalesce(deny_effect, 'none') AS effect
FROM failures
WHERE cause LIKE 'permission.%' AND actor_name ILIKE '%DEPLOY%' AND cause NOT LIKE '%scope' AND regexp_like(cause, '(granted|deny)$')
ORDER BY upper, effect

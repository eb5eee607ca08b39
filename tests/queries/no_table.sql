SELECT 1 + 1 AS two, TRUE AS yes, NULL AS nothing, DATE '2026-11-01' AS day

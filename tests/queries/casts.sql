SELECT CAST(http_status AS VARCHAR) || ' ' || status AS told, http_status::DOUBLE / 100 AS hundreds, CAST('12' AS INTEGER) + 1 AS number
FROM failures WHERE http_status = 429 ORDER BY input_file, input_record LIMIT 1

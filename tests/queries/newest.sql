SELECT event_time, source, cause FROM failures WHERE cause IS NOT NULL ORDER BY event_time DESC, event_uid LIMIT 3

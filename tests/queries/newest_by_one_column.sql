SELECT event_time FROM failures WHERE verdict = 'confirmed' ORDER BY event_time DESC LIMIT 2

SELECT cause, one.source AS source, one.shows AS shows, one.event_time AS at
FROM (SELECT incident_uid, cause, UNNEST(proof) AS one FROM incidents) AS proofs
WHERE one.shows = 'cause'
ORDER BY at, incident_uid
LIMIT 3

WITH
    tried AS (SELECT credential_uid, count(*) AS calls FROM events WHERE credential_uid IS NOT NULL GROUP BY credential_uid),
    refused AS (SELECT credential_uid, count(*) AS failures FROM failures GROUP BY credential_uid)
SELECT t.credential_uid, t.calls, r.failures, round(r.failures / t.calls, 2) AS share
FROM tried AS t
JOIN refused AS r USING (credential_uid)
ORDER BY r.failures DESC, t.credential_uid
LIMIT 4

SELECT cause, credential_uid FROM incidents
WHERE credential_uid IN (SELECT credential_uid FROM credentials WHERE state = 'inactive')
    AND EXISTS (SELECT 1 FROM timeline WHERE timeline.credential_uid = incidents.credential_uid)
ORDER BY cause, credential_uid LIMIT 3

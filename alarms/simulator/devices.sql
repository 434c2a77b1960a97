-- name: devices_to_simulate
-- Registered devices that report, with the login and the protocol that they speak through.
SELECT d.device_id,
       coalesce(g.device_id, d.device_id) AS publisher,
       d.external_id                      AS child,
       coalesce(g.protocol, d.protocol)   AS protocol,
       d.kind,
       CASE WHEN d.zone = '' THEN '{}'::text[] ELSE ARRAY[d.zone] END AS zones,
       d.site_id,
       d.township
  FROM devices AS d
  LEFT JOIN devices AS g ON g.id = d.gateway_id
 WHERE d.status IN ('in_service', 'test')
   AND d.kind NOT IN ('loudspeaker', 'siren', 'tracker', 'other')
   AND NOT (d.kind = 'camera' AND d.gateway_id IS NULL)  -- what it sees, `lianfang video` tells
   AND (%(under)s::text IS NULL OR starts_with(coalesce(d.village, d.township, d.county), %(under)s))
 ORDER BY d.id
 LIMIT %(limit)s;

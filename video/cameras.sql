-- name: put
-- Where it looks, and its stream unless that is left out. The stream is written and never read back.
INSERT INTO cameras (device_id, stream_url, bearing_deg, view_angle_deg, range_m)
VALUES (%(device_id)s, %(stream_url)s, %(bearing_deg)s, %(view_angle_deg)s, %(range_m)s)
    ON CONFLICT (device_id) DO UPDATE
   SET bearing_deg = %(bearing_deg)s, view_angle_deg = %(view_angle_deg)s, range_m = %(range_m)s;

-- name: put_stream
UPDATE cameras SET stream_url = %(stream_url)s WHERE device_id = %(device_id)s;

-- name: device
-- What a device is, as far as it is in scope.
SELECT device_id, kind, status FROM devices WHERE id = %(id)s FOR SHARE;

-- name: page
-- Cameras in scope by number; row security holds both tables to it. sees_site: those whose sector has the site in it.
SELECT d.id, json_build_object(
           'id', d.id, 'device_id', d.device_id, 'name', d.name, 'site_id', d.site_id,
           'position', lon_lat(coalesce(d.position, s.position)), 'county', d.county, 'township', d.township,
           'village', d.village, 'organisation_id', d.organisation_id, 'status', d.status,
           'bearing_deg', c.bearing_deg, 'view_angle_deg', c.view_angle_deg, 'range_m', c.range_m,
           'has_stream', c.has_stream, 'state', stream_state(c.state, c.leased_until), 'state_at', c.state_at,
           'fault', c.fault, 'sector', ST_AsGeoJSON(c.sector, 6)::json)::text
  FROM cameras c
  JOIN devices d ON d.id = c.device_id
  LEFT JOIN sites s ON s.id = d.site_id
 WHERE d.status <> 'retired' AND d.id > %(after)s
   AND (%(id)s::bigint IS NULL OR d.id = %(id)s)
   AND (%(state)s::text[] IS NULL OR stream_state(c.state, c.leased_until) = ANY (%(state)s))
   AND (%(sees_site)s::bigint IS NULL
        OR ST_Covers(c.sector, (SELECT position FROM sites WHERE id = %(sees_site)s)))
 ORDER BY d.id LIMIT %(limit)s;

-- name: of_incident
-- The cameras that raised an incident's alarms, with what they see, and the newest pictures that they took: of each
-- camera the newest in any case.
SELECT json_build_object(
           'cameras', (SELECT coalesce(json_agg(json_build_object(
                           'id', d.id, 'device_id', d.device_id, 'name', d.name,
                           'state', stream_state(c.state, c.leased_until),
                           'sector', ST_AsGeoJSON(c.sector, 6)::json) ORDER BY d.id), '[]')
                         FROM cameras c JOIN devices d ON d.id = c.device_id
                        WHERE d.id IN (SELECT device_id FROM alarms WHERE incident_id = %(id)s)),
           'pictures', (SELECT coalesce(json_agg(p.document ORDER BY p.taken_at DESC), '[]')
                          FROM (SELECT e.taken_at, json_build_object(
                                           'sha256', e.sha256, 'taken_at', e.taken_at, 'width_px', e.width_px,
                                           'height_px', e.height_px, 'device_id', e.device_id,
                                           'camera', x.document -> 'device' ->> 'name') AS document
                                  FROM alarms a
                                  JOIN alarm_documents x ON x.id = a.id
                                  JOIN evidence e ON e.alarm_id = a.id
                                 WHERE a.incident_id = %(id)s
                                 ORDER BY row_number() OVER (PARTITION BY e.device_id ORDER BY e.taken_at DESC) > 1,
                                       e.taken_at DESC LIMIT %(most)s) p))::text;

-- name: look
SELECT look_at_evidence(%(sha256)s, %(reason)s);

-- name: any
SELECT EXISTS (SELECT FROM cameras WHERE has_stream);

-- name: renew
-- What this worker still has, for so long again; what it must not read any more is given back by the other statement.
UPDATE cameras c SET leased_until = now() + make_interval(secs => %(lease_s)s)
  FROM devices d
 WHERE d.id = c.device_id AND c.leased_by = %(worker)s AND c.stream_url IS NOT NULL
   AND d.kind = 'camera' AND d.status IN ('in_service', 'test')
RETURNING c.device_id AS id, d.device_id, c.stream_url, c.state;

-- name: take
-- Cameras that nobody reads, or whose worker has been silent: two workers never take the same one.
UPDATE cameras c SET leased_by = %(worker)s, leased_until = now() + make_interval(secs => %(lease_s)s)
  FROM (SELECT f.device_id AS number, d.device_id
          FROM cameras f JOIN devices d ON d.id = f.device_id
         WHERE (f.leased_by IS NULL OR f.leased_until < now()) AND f.leased_by IS DISTINCT FROM %(worker)s
           AND f.stream_url IS NOT NULL AND d.kind = 'camera' AND d.status IN ('in_service', 'test')
         ORDER BY f.device_id LIMIT %(most)s FOR UPDATE OF f SKIP LOCKED) free
 WHERE c.device_id = free.number
RETURNING c.device_id AS id, free.device_id, c.stream_url, c.state;

-- name: give_back
UPDATE cameras SET leased_by = NULL, leased_until = NULL WHERE leased_by = %(worker)s AND device_id = ANY (%(ids)s);

-- name: set_state
UPDATE cameras SET state = %(state)s, state_at = now(), fault = %(fault)s
 WHERE device_id = %(id)s AND leased_by = %(worker)s;

-- name: keep
-- Written again when the answer to the first time was lost.
INSERT INTO evidence (sha256, kind, bytes, width_px, height_px, taken_at, device_id, message_id, delete_after)
VALUES (%(sha256)s, 'snapshot', %(bytes)s, %(width_px)s, %(height_px)s, %(taken_at)s, %(device_id)s, %(message_id)s,
        now() + %(kept)s)
    ON CONFLICT DO NOTHING;

-- name: forget
-- Whose day has come, and what no alarm asked for: which files to delete with them.
DELETE FROM evidence
 WHERE delete_after < %(now)s OR stored_at < %(kept_since)s OR (alarm_id IS NULL AND stored_at < %(unused_since)s)
RETURNING sha256;

-- name: remembered
SELECT sha256 FROM evidence WHERE sha256 = ANY (%(digests)s);

-- name: document
SELECT document::text FROM device_documents WHERE id = %(id)s;

-- name: page
-- A page of devices by number: the function applies scope and filters, row security the scope once more.
SELECT d.id, d.document::text
  FROM list_devices(CASE WHEN %(w)s::float8 IS NOT NULL THEN ST_MakeEnvelope(%(w)s, %(s)s, %(e)s, %(n)s, 4326) END,
                    %(division)s::text, %(kinds)s::text[], %(statuses)s::text[], %(q)s::text, %(site_id)s::bigint,
                    %(after)s::bigint, %(limit)s::bigint) AS l (id)
  JOIN device_documents d ON d.id = l.id
 ORDER BY d.id;

-- name: count
SELECT count(*)
  FROM list_devices(CASE WHEN %(w)s::float8 IS NOT NULL THEN ST_MakeEnvelope(%(w)s, %(s)s, %(e)s, %(n)s, 4326) END,
                    %(division)s::text, %(kinds)s::text[], %(statuses)s::text[], %(q)s::text, %(site_id)s::bigint,
                    0, NULL);

-- name: lock
SELECT id, version, device_id, kind, name, zone, protocol, organisation_id, gateway_id, external_id, site_id, status,
       test_until,
       ARRAY(SELECT k FROM unnest(scope_keys(county, township, village, organisation_id)) k
              WHERE k IS NOT NULL) AS scope_keys
  FROM devices WHERE id = %(id)s FOR NO KEY UPDATE;

-- name: by_name
SELECT id FROM devices WHERE device_id = %(device_id)s;

-- name: for_setup
-- What has to be known to tell what to type into a device.
SELECT json_build_object(
           'device_id', d.device_id, 'protocol', d.protocol, 'external_id', d.external_id,
           'through', CASE WHEN g.id IS NOT NULL
                           THEN json_build_object('id', g.id, 'device_id', g.device_id, 'name', g.name) END,
           'login_issued', EXISTS (SELECT FROM device_credentials c WHERE c.device_id = d.device_id))
  FROM devices d LEFT JOIN devices g ON g.id = d.gateway_id
 WHERE d.id = %(id)s;

-- name: site_is_there
SELECT 1 FROM sites WHERE id = %(id)s AND retired_at IS NULL;

-- name: insert
-- Placed before it is written, by the rules of place_devices, so that row security sees where it stands.
INSERT INTO devices (device_id, kind, name, protocol, zone, gateway_id, external_id, site_id, organisation_id, position,
                     source_crs, grid_cell_id, grid_cell, county, township, village)
SELECT %(device_id)s, %(kind)s, %(name)s, %(protocol)s, %(zone)s, %(gateway_id)s, %(external_id)s, s.id,
       coalesce(%(organisation_id)s::bigint, s.organisation_id), p.point, %(source_crs)s,
       CASE WHEN p.as_site THEN s.grid_cell_id ELSE l.grid_cell_id END,
       CASE WHEN p.as_site THEN s.grid_cell ELSE l.grid_cell END,
       CASE WHEN p.as_site THEN s.county ELSE l.county END,
       CASE WHEN p.as_site THEN s.township ELSE l.township END,
       CASE WHEN p.as_site THEN s.village ELSE l.village END
  FROM (SELECT ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326) AS point,
               %(site_id)s::bigint IS NOT NULL AND %(lon)s::float8 IS NULL AS as_site) p
  LEFT JOIN sites s ON s.id = %(site_id)s
  LEFT JOIN LATERAL place(p.point, coalesce(s.village, s.township, s.county, %(division)s)) l ON NOT p.as_site
RETURNING id;

-- name: insert_replacement
-- With the status that the old one had, which is retired by now: two may not have one name behind a gateway.
INSERT INTO devices (device_id, kind, name, protocol, zone, gateway_id, external_id, site_id, organisation_id, position,
                     source_crs, grid_cell_id, grid_cell, county, township, village, status, test_until)
SELECT %(device_id)s, kind, name, protocol, zone, gateway_id, %(external_id)s, site_id, organisation_id, position,
       source_crs, grid_cell_id, grid_cell, county, township, village, %(status)s, %(test_until)s
  FROM devices WHERE id = %(id)s
RETURNING id;

-- name: update
UPDATE devices SET kind = %(kind)s, name = %(name)s, zone = %(zone)s, protocol = %(protocol)s,
                   organisation_id = %(organisation_id)s, version = version + 1, updated_at = now()
 WHERE id = %(id)s
RETURNING id;

-- name: move
UPDATE devices d
   SET site_id = s.id, position = p.point, source_crs = %(source_crs)s, moved_at = %(now)s,
       grid_cell_id = CASE WHEN p.as_site THEN s.grid_cell_id ELSE l.grid_cell_id END,
       grid_cell = CASE WHEN p.as_site THEN s.grid_cell ELSE l.grid_cell END,
       county = CASE WHEN p.as_site THEN s.county ELSE l.county END,
       township = CASE WHEN p.as_site THEN s.township ELSE l.township END,
       village = CASE WHEN p.as_site THEN s.village ELSE l.village END,
       version = d.version + 1, updated_at = now()
  FROM (SELECT ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326) AS point,
               %(site_id)s::bigint IS NOT NULL AND %(lon)s::float8 IS NULL AS as_site) p
  LEFT JOIN sites s ON s.id = %(site_id)s
  LEFT JOIN LATERAL place(p.point, coalesce(s.village, s.township, s.county, %(division)s)) l ON NOT p.as_site
 WHERE d.id = %(id)s
RETURNING d.id;

-- name: set_status
-- A test that is ended by hand ended now: what was received in it, and is stored after, does not ring.
UPDATE devices
   SET status = %(status)s, version = version + 1, updated_at = now(),
       test_until = CASE WHEN %(status)s = 'in_service' AND status = 'test' THEN least(test_until, %(now)s)
                         ELSE %(test_until)s END
 WHERE id = %(id)s;

-- name: end_tests
WITH ended AS (
    UPDATE devices SET status = 'in_service', test_until = NULL, version = version + 1, updated_at = %(now)s
     WHERE id IN (SELECT id FROM devices WHERE status = 'test' AND test_until < %(ended_before)s
                   ORDER BY id LIMIT 1000 FOR NO KEY UPDATE SKIP LOCKED)
    RETURNING id
), remembered AS (
    INSERT INTO device_history (device_id, at, action, reason, before, after)
    SELECT id, %(now)s, 'status', 'its test ended by itself', '{"status": "test"}',
           '{"status": "in_service", "test_until": null}'
      FROM ended
)
SELECT id FROM ended;

-- name: retire
UPDATE devices SET status = 'retired', test_until = NULL, version = version + 1, updated_at = now()
 WHERE id = %(id)s;

-- name: set_successor
UPDATE devices SET replaced_by = %(new)s WHERE id = %(id)s;

-- name: child_in_use
SELECT device_id FROM devices WHERE gateway_id = %(id)s AND status <> 'retired' ORDER BY id LIMIT 1;

-- name: children_out_of_sight
SELECT devices_out_of_sight(%(id)s, NULL);

-- name: adopt_children
SELECT adopt_children(%(id)s, %(new)s);

-- name: put_credentials
INSERT INTO device_credentials (device_id, password_line, created_at) VALUES (%(device_id)s, %(line)s, %(now)s)
ON CONFLICT (device_id) DO UPDATE SET password_line = excluded.password_line, created_at = excluded.created_at;

-- name: delete_credentials
DELETE FROM device_credentials WHERE device_id = %(device_id)s;

-- name: state
-- What the history keeps of a device's place and owner.
SELECT json_build_object('site_id', site_id, 'position', lon_lat(position), 'grid_cell', grid_cell, 'county', county,
                         'township', township, 'village', village, 'organisation_id', organisation_id,
                         'gateway_id', gateway_id, 'external_id', external_id, 'status', status)
  FROM devices WHERE id = %(id)s;

-- name: remember
INSERT INTO device_history (device_id, at, user_id, action, reason, before, after)
VALUES (%(device_id)s, %(at)s, %(user_id)s, %(action)s, %(reason)s, %(before)s, %(after)s);

-- name: history
-- Newest first.
SELECT h.id, json_build_object(
           'id', h.id, 'at', h.at, 'action', h.action, 'reason', h.reason, 'before', h.before, 'after', h.after,
           'user', CASE WHEN u.id IS NOT NULL THEN json_build_object('id', u.id, 'name', u.display_name) END)::text
  FROM device_history h LEFT JOIN users u ON u.id = h.user_id
 WHERE h.device_id = %(device_id)s AND (%(before)s::bigint IS NULL OR h.id < %(before)s)
 ORDER BY h.id DESC LIMIT %(limit)s;

-- name: append_changes
SELECT append_changes('{}', '{}', %(ids)s::bigint[], %(now)s);

-- name: append_moves
SELECT append_device_moves(%(moves)s, %(now)s);

-- name: append_renamed
SELECT append_device_renamed(%(id)s, %(now)s);

-- name: unknown
-- Who speaks and is not in the registry, the last to speak first. Row security shows them to the city desk.
SELECT last_seen, publisher, child, json_build_object(
           'publisher', publisher, 'child', child, 'protocol', protocol, 'first_seen', first_seen,
           'last_seen', last_seen, 'messages', messages, 'last_topic', last_topic,
           'gateway_known', EXISTS (SELECT FROM devices d WHERE d.device_id = publisher))::text
  FROM unknown_devices
 WHERE %(before)s::timestamptz IS NULL
    OR (last_seen, publisher, child) < (%(before)s, %(publisher)s, %(child)s)
 ORDER BY last_seen DESC, publisher DESC, child DESC LIMIT %(limit)s;

-- name: lock_unknown
SELECT protocol FROM unknown_devices WHERE publisher = %(publisher)s AND child = %(child)s;

-- name: forget_unknown
DELETE FROM unknown_devices WHERE publisher = %(publisher)s AND child = %(child)s;

-- name: forget_old_unknown
-- Whoever was silent since then, and whoever was registered after it spoke last: by a file, or beside adoption.
DELETE FROM unknown_devices u
 WHERE u.last_seen < %s
    OR u.child = '' AND EXISTS (SELECT FROM devices d WHERE d.device_id = u.publisher AND d.created_at > u.last_seen)
    OR EXISTS (SELECT FROM devices g JOIN devices d ON d.gateway_id = g.id
                WHERE g.device_id = u.publisher AND d.external_id = u.child AND d.created_at > u.last_seen);

-- name: messages
-- Messages as received that were not stored as signals, newest first; the payload as text where it is text.
SELECT received_at, id, source, topic, flags, outcome, reason, payload
  FROM raw_messages
 WHERE outcome = ANY (%(outcomes)s)
   AND (%(since)s::timestamptz IS NULL OR received_at >= %(since)s)
   AND (%(until)s::timestamptz IS NULL OR received_at < %(until)s)
   AND (%(before)s::timestamptz IS NULL OR (received_at, id) < (%(before)s, %(before_id)s))
 ORDER BY received_at DESC, id DESC LIMIT %(limit)s;

-- name: incidents
-- Incidents, newest first, from behind a cursor; what may be listed is list_incidents' business (0010_lists.sql).
SELECT i.id, i.opened_at, d.document::text
  FROM list_incidents(ST_MakeEnvelope(%(west)s::float8, %(south)s::float8, %(east)s::float8, %(north)s::float8, 4326),
                      %(division)s::text, %(since)s::timestamptz, %(until)s::timestamptz, %(categories)s::text[],
                      %(states)s::text[], %(text)s::text, %(after_at)s::timestamptz, %(after_id)s::bigint,
                      %(limit)s::bigint) AS l (id)
  JOIN incidents i ON i.id = l.id
  JOIN incident_documents d ON d.id = l.id
 ORDER BY i.opened_at DESC, i.id DESC;

-- name: alarms
-- Alarms, newest first, from behind a cursor.
SELECT i.id, i.opened_at, d.document::text
  FROM list_alarms(ST_MakeEnvelope(%(west)s::float8, %(south)s::float8, %(east)s::float8, %(north)s::float8, 4326),
                   %(division)s::text, %(since)s::timestamptz, %(until)s::timestamptz, %(categories)s::text[],
                   %(states)s::text[], %(device_id)s::bigint, %(site_id)s::bigint, %(incident_id)s::bigint,
                   %(after_at)s::timestamptz, %(after_id)s::bigint, %(limit)s::bigint) AS l (id)
  JOIN alarms i ON i.id = l.id
  JOIN alarm_documents d ON d.id = l.id
 ORDER BY i.opened_at DESC, i.id DESC;

-- name: signals
-- Signals, newest first, from behind a cursor; source and filters are fragments of alarms/history/lists.py. One without a
-- position of its own is where its device is, by the rules of list_devices.
SELECT i.id, i.received_at, json_build_object(
           'id', i.id, 'received_at', i.received_at, 'occurred_at', i.occurred_at, 'device_id', i.device_id,
           'site_id', i.site_id, 'event', i.event, 'category', i.category, 'priority', i.priority,
           'qualifier', i.qualifier, 'zone', i.zone, 'partition', i.partition, 'text', i.text,
           'judgement', i.judgement, 'alarm_id', i.alarm_id, 'battery_percent', i.battery_percent,
           'rssi_dbm', i.rssi_dbm, 'grid_cell', i.grid_cell, 'county', i.county, 'township', i.township,
           'village', i.village, 'details', i.details, 'position', lon_lat(coalesce(i.position, (
               SELECT coalesce(d.position, s.position)
                 FROM devices d LEFT JOIN sites s ON s.id = d.site_id WHERE d.id = i.device_id))))::text
  FROM {source} i
 WHERE {filters}
 ORDER BY i.received_at DESC, i.id DESC
 LIMIT %(limit)s;

-- name: devices_in_box
-- The devices in scope that are in a box, as far as they are few.
SELECT ARRAY(SELECT list_devices(ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4326), NULL, NULL, NULL, NULL,
                                 NULL, 0, %(most)s));

-- name: incident
-- One incident with all that its case shows: alarms, timeline, whom to call, its site's devices and history: of the 90 days
-- until now, or until it was closed, so that an old case tells what was known then. Of an alarm's restores the last: an
-- infrared sensor restores itself a thousand times a night, and people's words must not drown in that.
SELECT json_build_object(
           'incident', d.document,
           'alarms', (SELECT coalesce(json_agg(a.document ORDER BY a.id), '[]')
                        FROM alarm_documents a WHERE a.id IN (SELECT id FROM alarms WHERE incident_id = i.id)),
           'entries', (SELECT coalesce(json_agg(json_build_object(
                           'id', e.id, 'at', e.at, 'kind', e.kind, 'text', e.text, 'details', e.details,
                           'user', CASE WHEN u.id IS NOT NULL THEN json_build_object('id', u.id, 'name', u.display_name)
                                   END) ORDER BY e.id), '[]')
                         FROM (SELECT l.*, kind = 'restored' AND row_number() OVER (
                                              PARTITION BY kind, details ->> 'alarm_id' ORDER BY id DESC) > 1 AS earlier
                                 FROM incident_entries l WHERE l.incident_id = i.id) e
                         LEFT JOIN users u ON u.id = e.user_id WHERE NOT e.earlier),
           'contacts', (SELECT coalesce(json_agg(json_build_object(
                            'id', c.id, 'name', c.name, 'relation', c.relation, 'call_order', c.call_order,
                            'phone_masked', c.phone_masked) ORDER BY c.call_order, c.id), '[]')
                          FROM contacts c WHERE c.site_id = i.site_id),
           'caller', CASE WHEN coalesce(i.caller_name_masked, i.caller_phone_masked) IS NOT NULL THEN json_build_object(
               'name_masked', i.caller_name_masked, 'phone_masked', i.caller_phone_masked) END,
           'devices', (SELECT coalesce(json_agg(v.document ORDER BY v.id), '[]')
                         FROM device_documents v
                        WHERE v.open AND v.id IN (SELECT id FROM devices WHERE site_id = i.site_id)),
           'history', (SELECT json_build_object(
                           'incidents_90d', count(*), 'false_90d', count(*) FILTER (WHERE disposition LIKE 'false%%'),
                           'last', coalesce((json_agg(json_build_object(
                               'id', h.id, 'category', h.category, 'opened_at', h.opened_at,
                               'disposition', h.disposition) ORDER BY h.opened_at DESC))::json, '[]'))
                         FROM incidents h
                        WHERE h.site_id = i.site_id AND h.id <> i.id AND h.opened_at > t.until - interval '90 days'
                          AND h.opened_at <= t.until)
       )::text
  FROM incidents i JOIN incident_documents d ON d.id = i.id
 CROSS JOIN LATERAL (SELECT coalesce(i.closed_at, %(now)s)) AS t (until)
 WHERE i.id = %(id)s;

-- name: incident_document
-- As lists and the feed show it.
SELECT document::text FROM incident_documents WHERE id = %(id)s;

-- name: alarm
-- As lists and the feed show it.
SELECT document::text FROM alarm_documents WHERE id = %(id)s;

-- name: site_is_there
-- Whether a site is in scope.
SELECT 1 FROM sites WHERE id = %(id)s;

-- name: lock_sites
-- One worker at a time opens incidents at a site: no row stands for an incident that does not exist yet.
SELECT pg_advisory_xact_lock(4112000000000000 + site_id)
  FROM (SELECT unnest(%(site_ids)s::bigint[]) AS site_id ORDER BY site_id) s;

-- name: lock_incidents_of
-- The open incidents of these sites, and those that hold an open alarm of these devices; locked, in the order of ids.
SELECT id, version, source, state, category, priority, verification_level, site_id, opened_at, last_alarm_at,
       alarm_count, active_alarm_count, handler_id, acknowledged_at, acknowledged_by, dispatched_at, on_scene_at,
       resolved_at, closed_at, closed_by, disposition, reopened_count
  FROM incidents
 WHERE id = ANY (ARRAY(   -- OFFSET 0: a probe by key for each, however many are open and whatever the statistics say
           SELECT i.id FROM unnest(%(site_ids)s::bigint[]) AS k (site_id), LATERAL (
                  SELECT id FROM incidents WHERE site_id = k.site_id AND closed_at IS NULL OFFSET 0) i
           UNION
           SELECT a.incident_id FROM unnest(%(device_ids)s::bigint[]) AS k (device_id), LATERAL (
                  SELECT incident_id FROM alarms WHERE device_id = k.device_id AND closed_at IS NULL OFFSET 0) a))
   AND state <> 'closed'   -- not closed_at: the index of what is open would be read from end to end for it
 ORDER BY id
   FOR NO KEY UPDATE;

-- name: lock_incidents
-- These incidents, as far as they exist and are in scope; locked, in the order of ids.
SELECT id, version, source, state, category, priority, verification_level, site_id, opened_at, last_alarm_at,
       alarm_count, active_alarm_count, handler_id, acknowledged_at, acknowledged_by, dispatched_at, on_scene_at,
       resolved_at, closed_at, closed_by, disposition, reopened_count
  FROM incidents
 WHERE id = ANY (%(ids)s::bigint[])
 ORDER BY id
   FOR NO KEY UPDATE;

-- name: open_alarms_of
-- The open alarms of these incidents.
SELECT a.id, version, device_id, zone, category, event, priority, active, a.incident_id, opened_at, last_at,
       restored_at, occurrence_count, last_occurred_at, acknowledged_at, acknowledged_by
  FROM unnest(%(ids)s::bigint[]) AS k (incident_id), LATERAL (
       SELECT * FROM alarms WHERE incident_id = k.incident_id OFFSET 0) a
 WHERE a.closed_at IS NULL;   -- not within: a young table's planner reads the index of all that is open for each

-- name: lingering
-- Alarms of these devices that a person closed within the last day while the condition went on; where they still stand.
SELECT a.device_id, a.zone, a.category, max(a.id)
  FROM alarms a
  JOIN devices d ON d.id = a.device_id AND d.site_id IS NOT DISTINCT FROM a.site_id
                AND (d.site_id IS NOT NULL OR d.moved_at IS NULL OR a.opened_at >= d.moved_at)
 WHERE a.device_id = ANY (%(device_ids)s::bigint[]) AND a.active AND a.closed_at > %(since)s
 GROUP BY a.device_id, a.zone, a.category;

-- name: end_lingering
-- Their condition is over: the next one is news.
UPDATE alarms SET active = false, restored_at = %(now)s, version = version + 1 WHERE id = ANY (%(ids)s::bigint[]);

-- name: new_ids
-- Numbers for new incidents and alarms.
SELECT ARRAY(SELECT nextval('incidents_id_seq') FROM generate_series(1, %(incidents)s::integer)),
       ARRAY(SELECT nextval('alarms_id_seq') FROM generate_series(1, %(alarms)s::integer));

-- name: insert_incidents
-- New incidents at their first alarm's device: its place as joined, its own position or its site's.
INSERT INTO incidents (id, version, source, state, category, priority, verification_level, site_id, position, grid_cell,
                       county, township, village, organisation_id, opened_at, last_alarm_at, alarm_count,
                       active_alarm_count)
SELECT r.id, r.version, r.source, r.state, r.category, r.priority, r.verification_level, r.site_id,
       coalesce(ST_SetSRID(ST_MakePoint(r.lon, r.lat), 4326), s.position, d.position),
       r.grid_cell, r.county, r.township, r.village, r.organisation_id, r.opened_at, r.last_alarm_at, r.alarm_count,
       r.active_alarm_count
  FROM json_to_recordset(%(rows)s::json) AS r (
           id bigint, version integer, source text, state text, category text, priority smallint,
           verification_level smallint, site_id bigint, device_id bigint, lon double precision, lat double precision,
           grid_cell text, county text, township text, village text, organisation_id bigint, opened_at timestamptz,
           last_alarm_at timestamptz, alarm_count integer, active_alarm_count integer)
  LEFT JOIN devices d ON d.id = r.device_id
  LEFT JOIN sites s ON s.id = r.site_id
 ORDER BY r.id;

-- name: insert_alarms
-- New alarms. One that another worker opened meanwhile is left out: the count tells.
INSERT INTO alarms (id, version, device_id, zone, category, event, priority, active, incident_id, site_id, position,
                    grid_cell, county, township, village, organisation_id, opened_at, last_at, restored_at,
                    occurrence_count, last_occurred_at)
SELECT r.id, r.version, r.device_id, r.zone, r.category, r.event, r.priority, r.active, r.incident_id, r.site_id,
       coalesce(ST_SetSRID(ST_MakePoint(r.lon, r.lat), 4326), d.position, s.position),
       r.grid_cell, r.county, r.township, r.village, r.organisation_id, r.opened_at, r.last_at, r.restored_at,
       r.occurrence_count, r.last_occurred_at
  FROM json_to_recordset(%(rows)s::json) AS r (
           id bigint, version integer, device_id bigint, zone text, category text, event text, priority smallint,
           active boolean, incident_id bigint, site_id bigint, lon double precision, lat double precision,
           grid_cell text, county text, township text, village text, organisation_id bigint, opened_at timestamptz,
           last_at timestamptz, restored_at timestamptz, occurrence_count integer, last_occurred_at timestamptz)
  JOIN devices d ON d.id = r.device_id
  LEFT JOIN sites s ON s.id = r.site_id
 ORDER BY r.device_id, r.zone, r.category
    ON CONFLICT (device_id, zone, category) WHERE closed_at IS NULL DO NOTHING;

-- name: update_incidents
-- Incidents as they are now.
UPDATE incidents i
   SET version = r.version, state = r.state, category = r.category, priority = r.priority,
       verification_level = r.verification_level, last_alarm_at = r.last_alarm_at, alarm_count = r.alarm_count,
       active_alarm_count = r.active_alarm_count, handler_id = r.handler_id, acknowledged_at = r.acknowledged_at,
       acknowledged_by = r.acknowledged_by, dispatched_at = r.dispatched_at, on_scene_at = r.on_scene_at,
       resolved_at = r.resolved_at, closed_at = r.closed_at, closed_by = r.closed_by, disposition = r.disposition,
       reopened_count = r.reopened_count
  FROM json_to_recordset(%(rows)s::json) AS r (
           id bigint, version integer, state text, category text, priority smallint, verification_level smallint,
           last_alarm_at timestamptz, alarm_count integer, active_alarm_count integer, handler_id bigint,
           acknowledged_at timestamptz, acknowledged_by bigint, dispatched_at timestamptz, on_scene_at timestamptz,
           resolved_at timestamptz, closed_at timestamptz, closed_by bigint, disposition text, reopened_count integer)
 WHERE i.id = r.id;

-- name: update_alarms
-- Alarms after repeats and restores.
UPDATE alarms a
   SET version = r.version, active = r.active, last_at = r.last_at, restored_at = r.restored_at,
       occurrence_count = r.occurrence_count, last_occurred_at = r.last_occurred_at, closed_at = r.closed_at
  FROM json_to_recordset(%(rows)s::json) AS r (
           id bigint, version integer, active boolean, last_at timestamptz, restored_at timestamptz,
           occurrence_count integer, last_occurred_at timestamptz, closed_at timestamptz)
 WHERE a.id = r.id;

-- name: insert_entries
-- Lines of the incidents' timelines.
INSERT INTO incident_entries (incident_id, at, user_id, kind, text, details)
SELECT r.incident_id, r.at, r.user_id, r.kind, r.text, r.details
  FROM ROWS FROM (json_to_recordset(%(rows)s::json) AS (
           incident_id bigint, at timestamptz, user_id bigint, kind text, text text, details jsonb))
       WITH ORDINALITY AS r (incident_id, at, user_id, kind, text, details, n)
 ORDER BY n;

-- name: acknowledge_alarms_of
-- A person has taken the incident on, and its open alarms with it.
UPDATE alarms SET version = version + 1, acknowledged_at = %(now)s, acknowledged_by = %(user_id)s
 WHERE incident_id = ANY (%(ids)s::bigint[]) AND closed_at IS NULL AND acknowledged_at IS NULL
RETURNING id;

-- name: close_alarms_of
-- The incident is closed, and its open alarms with it.
UPDATE alarms
   SET version = version + 1, closed_at = %(now)s, acknowledged_at = coalesce(acknowledged_at, %(now)s),
       acknowledged_by = coalesce(acknowledged_by, %(user_id)s)
 WHERE incident_id = ANY (%(ids)s::bigint[]) AND closed_at IS NULL
RETURNING id;

-- name: insert_report
-- An incident by hand: a telephone call. Its place is its site's, or is joined from the point, or is the reporter's own.
INSERT INTO incidents (version, source, state, category, priority, title, site_id, position, grid_cell, county, township,
                       village, organisation_id, opened_at, last_alarm_at, caller_name, caller_phone)
SELECT 1, 'operator', 'new', %(category)s, %(priority)s, %(title)s, s.id, coalesce(s.position, p.point), w.grid_cell,
       w.county, w.township, w.village,
       CASE WHEN s.id IS NOT NULL THEN s.organisation_id ELSE own_organisation(w.county, w.township, w.village) END,
       %(now)s, %(now)s, %(caller_name)s, %(caller_phone)s
  FROM (SELECT ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326) AS point) p
  LEFT JOIN sites s ON s.id = %(site_id)s
  LEFT JOIN LATERAL (
       SELECT s.grid_cell, s.county, s.township, s.village WHERE s.id IS NOT NULL
        UNION ALL
       SELECT l.grid_cell, l.county, l.township, l.village FROM locate(p.point) l WHERE s.id IS NULL
        UNION ALL
       SELECT NULL, o.county, o.township, o.village FROM tiers_of(own_division()) o
        WHERE s.id IS NULL AND p.point IS NULL) w ON true
RETURNING id;

-- name: append_changes
-- The last act of every transaction that changed anything: number the changes, wake the feed.
SELECT append_changes(%(incidents)s::bigint[], %(alarms)s::bigint[], '{}', %(now)s);

-- name: close_left_open
-- Alarms that are open in a closed incident, which should not be: they would stand in the way of their devices' next.
UPDATE alarms a SET version = a.version + 1, closed_at = i.closed_at
  FROM incidents i
 WHERE i.id = a.incident_id AND a.closed_at IS NULL AND i.closed_at IS NOT NULL
RETURNING a.id;

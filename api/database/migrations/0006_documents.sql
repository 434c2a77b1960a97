-- An object as lists, snapshots and the live feed all show it: defined once, here, so that
-- snapshot + changes == a fresh snapshot. Times come out in the session's zone, which the pool sets to UTC.

CREATE FUNCTION lon_lat(point geometry) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN point IS NOT NULL
           THEN jsonb_build_array(round(ST_X(point)::numeric, 6), round(ST_Y(point)::numeric, 6)) END
$$;

CREATE VIEW incident_documents WITH (security_invoker = true) AS
SELECT i.id, i.version, i.closed_at IS NULL AS open,
       scope_keys(i.county, i.township, i.village, i.organisation_id) AS scope_keys,
       jsonb_build_object(
           'id', i.id, 'version', i.version, 'source', i.source, 'state', i.state, 'category', i.category,
           'priority', i.priority, 'verification_level', i.verification_level, 'title', i.title,
           'site', CASE WHEN s.id IS NOT NULL THEN jsonb_build_object(
               'id', s.id, 'name', s.name, 'kind', s.kind, 'address', s.address, 'unit', s.unit,
               'synthetic', s.synthetic) END,
           'position', lon_lat(i.position), 'grid_cell', i.grid_cell,
           'county', i.county, 'township', i.township, 'village', i.village, 'organisation_id', i.organisation_id,
           'opened_at', i.opened_at, 'last_alarm_at', i.last_alarm_at,
           'alarm_count', i.alarm_count, 'active_alarm_count', i.active_alarm_count,
           'handler', CASE WHEN h.id IS NOT NULL THEN jsonb_build_object('id', h.id, 'name', h.display_name) END,
           'acknowledged_at', i.acknowledged_at, 'dispatched_at', i.dispatched_at, 'on_scene_at', i.on_scene_at,
           'resolved_at', i.resolved_at, 'closed_at', i.closed_at, 'disposition', i.disposition,
           'reopened_count', i.reopened_count
       ) AS document
  FROM incidents i
  LEFT JOIN sites s ON s.id = i.site_id
  LEFT JOIN users h ON h.id = i.handler_id;

CREATE VIEW alarm_documents WITH (security_invoker = true) AS
SELECT a.id, a.version, a.closed_at IS NULL AS open,
       scope_keys(a.county, a.township, a.village, a.organisation_id) AS scope_keys,
       jsonb_build_object(
           'id', a.id, 'version', a.version, 'incident_id', a.incident_id, 'category', a.category, 'event', a.event,
           'priority', a.priority, 'active', a.active, 'zone', a.zone,
           'device', jsonb_build_object('id', d.id, 'device_id', d.device_id, 'name', d.name, 'kind', d.kind),
           'site_id', a.site_id, 'position', lon_lat(a.position), 'grid_cell', a.grid_cell,
           'county', a.county, 'township', a.township, 'village', a.village, 'organisation_id', a.organisation_id,
           'opened_at', a.opened_at, 'last_at', a.last_at, 'restored_at', a.restored_at,
           'occurrence_count', a.occurrence_count, 'acknowledged_at', a.acknowledged_at,
           'shelved_until', a.shelved_until, 'closed_at', a.closed_at
       ) AS document
  FROM alarms a
  JOIN devices d ON d.id = a.device_id;

CREATE VIEW device_documents WITH (security_invoker = true) AS
SELECT d.id, d.version, d.status <> 'retired' AS open,
       scope_keys(d.county, d.township, d.village, d.organisation_id) AS scope_keys,
       jsonb_build_object(
           'id', d.id, 'version', d.version, 'device_id', d.device_id, 'kind', d.kind, 'name', d.name,
           'protocol', d.protocol, 'gateway_id', d.gateway_id, 'external_id', d.external_id, 'site_id', d.site_id,
           'organisation_id', d.organisation_id, 'zone', d.zone, 'position', lon_lat(coalesce(d.position, s.position)),
           'source_crs', d.source_crs, 'grid_cell', d.grid_cell,
           'county', d.county, 'township', d.township, 'village', d.village,
           'status', d.status, 'test_until', d.test_until,
           'online', st.online, 'last_seen_at', st.last_seen_at, 'battery_percent', st.battery_percent,
           'rssi_dbm', st.rssi_dbm
       ) AS document
  FROM devices d
  LEFT JOIN sites s ON s.id = d.site_id
  LEFT JOIN device_states st ON st.device_id = d.id;

GRANT SELECT ON incident_documents, alarm_documents, device_documents TO lianfang_api, lianfang_intake;

-- Appends changes for the named rows (a version as it is now), numbered under the row lock of feed_position: call it
-- as the last act of a transaction. Wakes the feed. Returns the last number.
CREATE FUNCTION append_changes(incident_ids bigint[], alarm_ids bigint[], device_ids bigint[], at timestamptz)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    first bigint;
    appended bigint;
    n bigint := cardinality(incident_ids) + cardinality(alarm_ids) + cardinality(device_ids);
BEGIN
    IF n = 0 THEN
        RETURN (SELECT last_seq FROM feed_position);
    END IF;
    UPDATE feed_position SET last_seq = last_seq + n RETURNING last_seq - n INTO first;
    INSERT INTO changes (seq, at, kind, object_id, version, scope_keys, document)
    SELECT first + row_number() OVER (), append_changes.at, c.kind, c.id, c.version, c.scope_keys, c.document
      FROM (SELECT 'incident' AS kind, id, version, scope_keys, document
              FROM incident_documents WHERE id = ANY (incident_ids)
            UNION ALL
            SELECT 'alarm', id, version, scope_keys, document FROM alarm_documents WHERE id = ANY (alarm_ids)
            UNION ALL
            SELECT 'device', id, version, scope_keys, document FROM device_documents WHERE id = ANY (device_ids)) c;
    GET DIAGNOSTICS appended = ROW_COUNT;
    IF appended <> n THEN
        RAISE EXCEPTION 'append_changes: % ids, % rows: an id stands twice or does not exist', n, appended;
    END IF;
    NOTIFY lianfang_changes;
    RETURN first + n;
END $$;

-- Partitions for the days and months ahead. Rows outside them go to the default partition: nothing is refused.
CREATE FUNCTION ensure_partitions(today date DEFAULT current_date) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE made integer := 0; d date; r record;
BEGIN
    FOR r IN
        SELECT t.name, t.step, date_trunc(t.unit, today)::date + (t.step * n) AS lower_bound
          FROM (VALUES ('raw_messages', 'day', interval '1 day'), ('changes', 'day', interval '1 day'),
                       ('signals', 'month', interval '1 month')) AS t (name, unit, step),
               generate_series(0, 3) AS n
    LOOP
        d := r.lower_bound;
        IF to_regclass(format('%I', r.name || to_char(d, '_YYYYMMDD'))) IS NULL THEN
            BEGIN
                EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                               r.name || to_char(d, '_YYYYMMDD'), r.name, d::timestamptz, (d + r.step)::timestamptz);
                made := made + 1;
            EXCEPTION WHEN check_violation THEN
                RAISE WARNING 'the default partition of % already holds rows of %: left there', r.name, d;
            END;
        END IF;
    END LOOP;
    RETURN made;
END $$;
SELECT ensure_partitions();

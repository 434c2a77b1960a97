-- An object as lists, snapshots and the live feed all show it: defined once, here, so that
-- snapshot + changes == a fresh snapshot. Times come out in the session's zone, which the pool sets to UTC.

-- A document is the same whoever reads it: a company that sees its detector's alarm also sees the name of the site that
-- another looks after, and an alarm does not vanish from a list because its device was moved. So these views read as the
-- owner, and hold the api role to its scope themselves: to the very keys that the feed compares.

-- (row_to_json of a row: json_build_object with as many fields took four times as long.)

CREATE FUNCTION lon_lat(point geometry) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN point IS NOT NULL
           THEN json_build_array(round(ST_X(point)::numeric, 6), round(ST_Y(point)::numeric, 6)) END
$$;

CREATE VIEW incident_documents AS
SELECT i.id, i.version, i.closed_at IS NULL AS open,
       scope_keys(i.county, i.township, i.village, i.organisation_id) AS scope_keys,
       row_to_json(d) AS document
  FROM incidents i
  LEFT JOIN sites s ON s.id = i.site_id
  LEFT JOIN users h ON h.id = i.handler_id
 CROSS JOIN LATERAL (
       SELECT i.id, i.version, i.source, i.state, i.category, i.priority, i.verification_level, i.title,
              CASE WHEN s.id IS NOT NULL THEN json_build_object(
                  'id', s.id, 'name', s.name, 'kind', s.kind, 'address', s.address, 'unit', s.unit,
                  'synthetic', s.synthetic) END AS site,
              lon_lat(i.position) AS position, i.grid_cell, i.county, i.township, i.village, i.organisation_id,
              i.opened_at, i.last_alarm_at, i.alarm_count, i.active_alarm_count,
              CASE WHEN h.id IS NOT NULL THEN json_build_object('id', h.id, 'name', h.display_name) END AS handler,
              i.acknowledged_at, i.dispatched_at, i.on_scene_at, i.resolved_at, i.closed_at, i.disposition,
              i.reopened_count) d
 WHERE (SELECT current_user <> 'lianfang_api')
    OR scope_keys(i.county, i.township, i.village, i.organisation_id) && (SELECT current_scope());

-- Who may see an incident may see and end all of its alarms: a household's tracker can ring in another county, a second
-- company's detector at the same site. An alarm left open in a closed incident would block its device's next one.
CREATE POLICY api_scope_of_incident ON alarms TO lianfang_api
    USING (EXISTS (SELECT 1 FROM incidents i WHERE i.id = alarms.incident_id));

CREATE VIEW alarm_documents AS
SELECT a.id, a.version, a.closed_at IS NULL AS open,
       scope_keys(a.county, a.township, a.village, a.organisation_id)
           || CASE WHEN (i.county, i.township, i.village, i.organisation_id)
                        IS DISTINCT FROM (a.county, a.township, a.village, a.organisation_id)
                   THEN scope_keys(i.county, i.township, i.village, i.organisation_id) ELSE '{}' END AS scope_keys,
       row_to_json(x) AS document
  FROM alarms a
  JOIN devices d ON d.id = a.device_id
  LEFT JOIN incidents i ON i.id = a.incident_id
 CROSS JOIN LATERAL (
       SELECT a.id, a.version, a.incident_id, a.category, a.event, a.priority, a.active, a.zone,
              json_build_object('id', d.id, 'device_id', d.device_id, 'name', d.name, 'kind', d.kind) AS device,
              a.site_id, lon_lat(a.position) AS position, a.grid_cell, a.county, a.township, a.village,
              a.organisation_id, a.opened_at, a.last_at, a.restored_at, a.occurrence_count, a.acknowledged_at,
              a.shelved_until, a.closed_at) x
 WHERE (SELECT current_user <> 'lianfang_api')
    OR scope_keys(a.county, a.township, a.village, a.organisation_id) && (SELECT current_scope())
    OR scope_keys(i.county, i.township, i.village, i.organisation_id) && (SELECT current_scope());

CREATE VIEW device_documents AS
SELECT d.id, d.version, d.status <> 'retired' AS open,
       scope_keys(d.county, d.township, d.village, d.organisation_id) AS scope_keys,
       row_to_json(x) AS document
  FROM devices d
  LEFT JOIN sites s ON s.id = d.site_id
  LEFT JOIN device_states st ON st.device_id = d.id
 CROSS JOIN LATERAL (
       SELECT d.id, d.version, d.device_id, d.kind, d.name, d.protocol, d.gateway_id, d.external_id, d.site_id,
              d.organisation_id, d.zone, lon_lat(coalesce(d.position, s.position)) AS position, d.source_crs,
              d.grid_cell, d.county, d.township, d.village, d.status,
              CASE WHEN d.status = 'test' THEN d.test_until END AS test_until, st.online, st.last_seen_at,
              st.battery_percent, st.rssi_dbm) x
 WHERE (SELECT current_user <> 'lianfang_api')
    OR scope_keys(d.county, d.township, d.village, d.organisation_id) && (SELECT current_scope());

GRANT SELECT ON incident_documents, alarm_documents, device_documents TO lianfang_api, lianfang_intake;

-- Appends changes for the named rows (a version as it is now), numbered under the row lock of feed_position: call it
-- as the last act of a transaction. Wakes the feed. Returns the last number.
CREATE FUNCTION append_changes(incident_ids bigint[], alarm_ids bigint[], device_ids bigint[], at timestamptz)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$  -- one document, whoever acts
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
      FROM (SELECT 'incident' AS kind, d.* FROM (SELECT DISTINCT unnest(incident_ids)) AS k (id), LATERAL (  -- OFFSET 0: a probe by key
                       SELECT id, version, scope_keys, document FROM incident_documents WHERE id = k.id OFFSET 0) d
            UNION ALL
            SELECT 'alarm', d.* FROM (SELECT DISTINCT unnest(alarm_ids)) AS k (id), LATERAL (
                       SELECT id, version, scope_keys, document FROM alarm_documents WHERE id = k.id OFFSET 0) d
            UNION ALL
            SELECT 'device', d.* FROM (SELECT DISTINCT unnest(device_ids)) AS k (id), LATERAL (
                       SELECT id, version, scope_keys, document FROM device_documents WHERE id = k.id OFFSET 0) d) c;
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

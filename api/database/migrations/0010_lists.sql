-- Lists with a place or a text filter, and who may see people, organisations and the audit log.
--
-- Row security keeps GiST and trigram indexes from being used, because && and LIKE are not leakproof. These functions
-- run as the owner and apply the scope themselves, first; they return ids only, so that what is read by those ids goes
-- through row security once more. Each has a scope test and an EXPLAIN test (tests/integration/test_scope_lists.py).

CREATE INDEX sites_scope ON sites USING gin (scope_keys(county, township, village, organisation_id));
CREATE INDEX devices_scope ON devices USING gin (scope_keys(county, township, village, organisation_id));
CREATE INDEX devices_text ON devices USING gin ((device_id || ' ' || name) gin_trgm_ops);
CREATE INDEX incidents_title ON incidents USING gin (title gin_trgm_ops);
-- (For the planner: without them it takes one row in two hundred for visible, whoever asks.)
CREATE STATISTICS incidents_scope ON (scope_keys(county, township, village, organisation_id)) FROM incidents;
CREATE STATISTICS alarms_scope ON (scope_keys(county, township, village, organisation_id)) FROM alarms;

-- A text as LIKE pattern that finds it anywhere, its own wildcards meant literally.
CREATE FUNCTION contains_pattern(q text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT '%' || replace(replace(replace(q, '\', '\\'), '%', '\%'), '_', '\_') || '%'
$$;

-- The division that a list is about: the one asked for, or else the only one that the reader has.
CREATE FUNCTION list_division(asked text) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN asked IS NOT NULL THEN asked
                WHEN cardinality(current_scope()) = 1 AND (current_scope())[1] ~ '^[0-9]{12}$' THEN (current_scope())[1] END
$$;

-- The tiers that a list is held to. The installation's own city is no filter and never asked for; another city's code
-- stands where no row has one, so that nothing is found.
CREATE FUNCTION list_tiers(code text, OUT county text, OUT township text, OUT village text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(t.county, code), t.township, t.village FROM tiers_of(code) t
$$;

-- Whether what has these columns lies in the division of list_tiers; no division: anything does. (Inlined, and its CASE
-- folded: what is left is one column = a constant, which leads to that column's index.)
CREATE FUNCTION lies_in(county text, township text, village text, in_county text, in_township text, in_village text)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN in_village IS NOT NULL THEN village = in_village
                WHEN in_township IS NOT NULL THEN township = in_township
                WHEN in_county IS NOT NULL THEN county = in_county
                ELSE true END
$$;

-- Incidents that a text is found in: in their title, or in their site's name or address. (Inlined, as lies_in is.)
CREATE FUNCTION incidents_called(pattern text) RETURNS SETOF bigint
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT t.id FROM incidents t WHERE t.title ILIKE pattern
     UNION ALL
    SELECT o.id FROM sites s JOIN incidents o ON o.site_id = s.id WHERE (s.name || ' ' || s.address) ILIKE pattern
$$;

-- (force_custom_plan: filters that were not given, and the scope of who may see everything, fold away, so that each
-- combination gets its own index. = ANY (ARRAY(SELECT ...)): few rows, found first and by an index of their own.)
CREATE FUNCTION list_sites(box geometry, division text, kinds text[], q text, retired boolean, after_id bigint, most bigint)
RETURNS SETOF bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    keys text[] := current_scope();
    everything boolean := coalesce('*' = ANY (keys), false);
    inside record;
    pattern text := contains_pattern(q);
BEGIN
    SELECT * INTO inside FROM list_tiers(division);
    RETURN QUERY
    SELECT s.id FROM sites s
     WHERE (everything OR scope_keys(s.county, s.township, s.village, s.organisation_id) && keys)
       AND (box IS NULL OR s.position && box)
       AND lies_in(s.county, s.township, s.village, inside.county, inside.township, inside.village)
       AND (kinds IS NULL OR s.kind = ANY (kinds))
       AND (pattern IS NULL OR (s.name || ' ' || s.address) ILIKE pattern)
       AND (retired IS NULL OR (s.retired_at IS NOT NULL) = retired)
       AND s.id > after_id
     ORDER BY s.id LIMIT most;
END $$;

CREATE FUNCTION list_devices(box geometry, division text, kinds text[], statuses text[], q text, of_site bigint,
                             after_id bigint, most bigint)
RETURNS SETOF bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    keys text[] := current_scope();
    everything boolean := coalesce('*' = ANY (keys), false);
    inside record;
    pattern text := contains_pattern(q);
BEGIN
    SELECT * INTO inside FROM list_tiers(division);
    RETURN QUERY
    SELECT d.id FROM devices d
     WHERE (everything OR scope_keys(d.county, d.township, d.village, d.organisation_id) && keys)
       AND (box IS NULL OR d.id = ANY (ARRAY(SELECT o.id FROM devices o WHERE o.position && box
                                             UNION ALL
                                             SELECT o.id FROM sites s JOIN devices o ON o.site_id = s.id
                                              WHERE s.position && box AND o.position IS NULL)))
       AND lies_in(d.county, d.township, d.village, inside.county, inside.township, inside.village)
       AND (kinds IS NULL OR d.kind = ANY (kinds))
       AND (statuses IS NULL OR d.status = ANY (statuses))
       AND (pattern IS NULL OR (d.device_id || ' ' || d.name) ILIKE pattern)
       AND (of_site IS NULL OR d.site_id = of_site)
       AND d.id > after_id
     ORDER BY d.id LIMIT most;
END $$;

-- Newest first; the page goes on before (opened_at, id).
CREATE FUNCTION list_incidents(box geometry, division text, since timestamptz, until timestamptz, categories text[],
                               states text[], q text, before_at timestamptz, before_id bigint, most bigint)
RETURNS SETOF bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    keys text[] := current_scope();
    everything boolean := coalesce('*' = ANY (keys), false);
    inside record;
    pattern text := contains_pattern(q);
BEGIN
    SELECT * INTO inside FROM list_tiers(list_division(division));
    RETURN QUERY
    SELECT i.id FROM incidents i
     WHERE (everything OR scope_keys(i.county, i.township, i.village, i.organisation_id) && keys)
       AND (box IS NULL OR i.position && box)
       AND lies_in(i.county, i.township, i.village, inside.county, inside.township, inside.village)
       AND (since IS NULL OR i.opened_at >= since)
       AND (until IS NULL OR i.opened_at < until)
       AND (categories IS NULL OR i.category = ANY (categories))
       AND (states IS NULL OR i.state = ANY (states))
       AND (pattern IS NULL OR i.id = ANY (ARRAY(SELECT * FROM incidents_called(pattern))))
       AND (before_at IS NULL OR (i.opened_at, i.id) < (before_at, before_id))
     ORDER BY i.opened_at DESC, i.id DESC LIMIT most;
END $$;

CREATE FUNCTION list_alarms(box geometry, division text, since timestamptz, until timestamptz, categories text[],
                            states text[], of_device bigint, of_site bigint, of_incident bigint,
                            before_at timestamptz, before_id bigint, most bigint)
RETURNS SETOF bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    keys text[] := current_scope();
    everything boolean := coalesce('*' = ANY (keys), false);
    inside record;
    incidents_here bigint[];
    rings_elsewhere bigint[] := '{}';
BEGIN
    IF coalesce(cardinality(keys), 0) = 0 THEN
        RETURN;                                                -- or each alarm's incident would be looked at in vain
    END IF;
    -- (an incident's alarms are listed wherever they are)
    SELECT * INTO inside FROM list_tiers(CASE WHEN of_incident IS NULL THEN list_division(division) ELSE division END);
    IF division IS NULL AND inside.county IS NOT NULL THEN
        -- The reader's own division, which leads to an index; with it what rings elsewhere and belongs to an incident here.
        -- Where there are many incidents the newest alarms soon fill a page, and only the scope decides.
        incidents_here := ARRAY(
            SELECT i.id FROM incidents i
             WHERE lies_in(i.county, i.township, i.village, inside.county, inside.township, inside.village)
             LIMIT 10000);
        IF cardinality(incidents_here) = 10000 THEN
            SELECT NULL AS county, NULL AS township, NULL AS village INTO inside;
        ELSE
            rings_elsewhere := ARRAY(
                SELECT o.id FROM alarms o
                 WHERE o.incident_id = ANY (incidents_here)
                   AND lies_in(o.county, o.township, o.village, inside.county, inside.township, inside.village)
                       IS NOT TRUE);
        END IF;
    END IF;
    RETURN QUERY
    SELECT a.id FROM alarms a
     WHERE (everything OR scope_keys(a.county, a.township, a.village, a.organisation_id) && keys
            OR (SELECT scope_keys(i.county, i.township, i.village, i.organisation_id) && keys
                  FROM incidents i WHERE i.id = a.incident_id))             -- who sees an incident sees its alarms
       AND (box IS NULL OR a.position && box)
       AND (lies_in(a.county, a.township, a.village, inside.county, inside.township, inside.village)
            OR a.id = ANY (rings_elsewhere))
       AND (since IS NULL OR a.opened_at >= since)
       AND (until IS NULL OR a.opened_at < until)
       AND (categories IS NULL OR a.category = ANY (categories))
       AND (states IS NULL
            OR 'closed' = ANY (states) AND a.closed_at IS NOT NULL
            OR 'open' = ANY (states) AND a.closed_at IS NULL
            OR 'active' = ANY (states) AND a.closed_at IS NULL AND a.active
            OR 'restored' = ANY (states) AND a.closed_at IS NULL AND NOT a.active
            OR 'unacknowledged' = ANY (states) AND a.closed_at IS NULL AND a.acknowledged_at IS NULL)
       AND (of_device IS NULL OR a.device_id = of_device)
       AND (of_site IS NULL OR a.site_id = of_site)
       AND (of_incident IS NULL OR a.incident_id = of_incident)
       AND (before_at IS NULL OR (a.opened_at, a.id) < (before_at, before_id))
     ORDER BY a.opened_at DESC, a.id DESC LIMIT most;
END $$;

-- A site as lists and items show it.
CREATE VIEW site_documents WITH (security_invoker = true) AS
SELECT s.id, s.version, s.retired_at IS NULL AS open,
       scope_keys(s.county, s.township, s.village, s.organisation_id) AS scope_keys,
       row_to_json(x) AS document
  FROM sites s
 CROSS JOIN LATERAL (
       SELECT s.id, s.version, s.external_ref, s.kind, s.name, s.address, s.unit, lon_lat(s.position) AS position,
              s.source_crs, s.grid_cell, s.county, s.township, s.village, s.organisation_id, s.armed_schedule,
              s.armed_override, s.synthetic, s.retired_at, s.created_at, s.updated_at) x;
GRANT SELECT ON site_documents TO lianfang_api;

-- Devices that moved out of somebody's sight: like append_changes, with the keys that opened them before, so that the
-- feed can tell those readers that they are gone. moves: [{"id": 1, "old_keys": ["*", "411282000000"]}]
CREATE FUNCTION append_device_moves(moves jsonb, at timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    first bigint;
    appended bigint;
    n bigint := jsonb_array_length(moves);
BEGIN
    UPDATE feed_position SET last_seq = last_seq + n RETURNING last_seq - n INTO first;
    INSERT INTO changes (seq, at, kind, object_id, version, scope_keys, old_keys, document)
    SELECT first + row_number() OVER (), append_device_moves.at, 'device', d.id, d.version, d.scope_keys, m.old_keys,
           d.document
      FROM jsonb_to_recordset(moves) AS m (id bigint, old_keys text[])
      JOIN device_documents d ON d.id = m.id;
    GET DIAGNOSTICS appended = ROW_COUNT;
    IF appended <> n THEN
        RAISE EXCEPTION 'append_device_moves: % moves, % rows', n, appended;
    END IF;
    NOTIFY lianfang_changes;
    RETURN first + n;
END $$;

-- Organisations: a reader whose grants are all of certain organisations sees those only. New ones are the city's to add.
ALTER TABLE organisations ENABLE ROW LEVEL SECURITY;
ALTER TABLE organisations FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON organisations TO lianfang_owner USING (true) WITH CHECK (true);
CREATE POLICY intake_all ON organisations TO lianfang_intake USING (true) WITH CHECK (true);
CREATE POLICY api_scope ON organisations FOR SELECT TO lianfang_api
    USING (EXISTS (SELECT FROM unnest((SELECT current_scope())) AS k
                    WHERE position('@' IN k) = 0 OR split_part(k, '@', 2) = organisations.id::text));
CREATE POLICY api_insert ON organisations FOR INSERT TO lianfang_api
    WITH CHECK ('*' = ANY ((SELECT current_scope())::text[]));
CREATE POLICY api_update ON organisations FOR UPDATE TO lianfang_api
    USING ('*' = ANY ((SELECT current_scope())::text[]));

-- Grants: an administrator gives and takes only what lies inside the administrator's own scope.
CREATE FUNCTION grant_keys(division_code text, organisation_id bigint) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT scope_keys(t.county, t.township, t.village, organisation_id) FROM tiers_of(division_code) t
$$;
ALTER TABLE grants ENABLE ROW LEVEL SECURITY;
ALTER TABLE grants FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON grants TO lianfang_owner USING (true) WITH CHECK (true);
CREATE POLICY api_scope ON grants TO lianfang_api
    USING (grant_keys(division_code, organisation_id) && (SELECT current_scope()));

-- Whether all that a user was granted lies in the asker's scope; a user without grants is the city's.
CREATE FUNCTION user_in_scope(asked bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT '*' = ANY (current_scope())
        OR coalesce(bool_and(grant_keys(g.division_code, g.organisation_id) && current_scope()), false)
      FROM grants g WHERE g.user_id = asked
$$;
REVOKE EXECUTE ON FUNCTION user_in_scope(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION user_in_scope(bigint) TO lianfang_api;

-- The audit log tells of everybody, so it is read with the whole installation in scope, and written by anybody.
ALTER TABLE audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_log FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON audit_log TO lianfang_owner USING (true) WITH CHECK (true);
CREATE POLICY api_read ON audit_log FOR SELECT TO lianfang_api USING ('*' = ANY ((SELECT current_scope())::text[]));
CREATE POLICY api_write ON audit_log FOR INSERT TO lianfang_api WITH CHECK (true);
ALTER FUNCTION audit_chain() SECURITY DEFINER SET search_path = public, pg_temp;   -- it must see the last line

-- How many lines were looked at, the newest one, and the first whose chain is broken, or NULL. The chain alone does not
-- show that its end was cut off, or all of it written anew: that takes a line that was known before. It is broken at that
-- line, or where the log ends before it.
CREATE FUNCTION verify_audit_chain(known_seq bigint, known_hash bytea,
                                   OUT lines bigint, OUT broken_at bigint, OUT newest_seq bigint, OUT newest_hash bytea)
LANGUAGE sql STABLE AS $$
    SELECT count(*),
           least(min(seq) FILTER (WHERE NOT intact),
                 CASE WHEN known_seq IS NOT NULL AND count(*) FILTER (WHERE seq = known_seq AND hash = known_hash) = 0
                      THEN least(known_seq, coalesce(max(seq), 0) + 1) END),
           max(seq), (SELECT hash FROM audit_log ORDER BY seq DESC LIMIT 1)
      FROM (SELECT seq, hash,
                   hash = audit_line_hash(prev_hash, seq, at, user_id, username, action, object, reason, details)
                   AND prev_hash = coalesce(lag(hash) OVER (ORDER BY seq), '\x00'::bytea)
                   AND seq = coalesce(lag(seq) OVER (ORDER BY seq), 0) + 1 AS intact
              FROM audit_log) c
$$;

-- Sites and devices are called otherwise: the open incidents that show the sites, and the devices' open alarms, get a
-- version more and a change. Returns how many.
CREATE FUNCTION append_shown_changes(of_sites bigint[], of_devices bigint[], at timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    incident_ids bigint[];
    alarm_ids bigint[];
BEGIN
    PERFORM FROM incidents i                                   -- who changes an alarm holds its incident's lock
      WHERE i.id = ANY (ARRAY(SELECT o.id FROM incidents o WHERE o.site_id = ANY (of_sites) AND o.closed_at IS NULL
                               UNION
                              SELECT a.incident_id FROM alarms a
                               WHERE a.device_id = ANY (of_devices) AND a.closed_at IS NULL))
      ORDER BY i.id FOR NO KEY UPDATE;
    WITH touched AS (UPDATE incidents i SET version = i.version + 1
                      WHERE i.site_id = ANY (of_sites) AND i.closed_at IS NULL RETURNING i.id)
    SELECT coalesce(array_agg(id), '{}') INTO incident_ids FROM touched;
    WITH touched AS (UPDATE alarms a SET version = a.version + 1
                      WHERE a.device_id = ANY (of_devices) AND a.closed_at IS NULL RETURNING a.id)
    SELECT coalesce(array_agg(id), '{}') INTO alarm_ids FROM touched;
    PERFORM append_changes(incident_ids, alarm_ids, '{}', at);
    RETURN cardinality(incident_ids) + cardinality(alarm_ids);
END $$;

-- One site was renamed or moved.
CREATE FUNCTION append_site_changes(of_site bigint, at timestamptz) RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT append_shown_changes(ARRAY[of_site], '{}', at)
$$;

-- One device was renamed.
CREATE FUNCTION append_device_renamed(of_device bigint, at timestamptz) RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT append_shown_changes('{}', ARRAY[of_device], at)
$$;

REVOKE EXECUTE ON FUNCTION append_shown_changes(bigint[], bigint[], timestamptz) FROM PUBLIC;

-- A user was renamed: likewise the open incidents that the user handles.
CREATE FUNCTION append_user_renamed(of_user bigint, at timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE ids bigint[];
BEGIN
    WITH locked AS (SELECT i.id FROM incidents i WHERE i.handler_id = of_user AND i.closed_at IS NULL
                     ORDER BY i.id FOR NO KEY UPDATE),
         touched AS (UPDATE incidents i SET version = i.version + 1 FROM locked WHERE i.id = locked.id RETURNING i.id)
    SELECT coalesce(array_agg(id), '{}') INTO ids FROM touched;
    PERFORM append_changes(ids, '{}', '{}', at) WHERE cardinality(ids) > 0;
    RETURN cardinality(ids);
END $$;

REVOKE EXECUTE ON FUNCTION append_device_moves(jsonb, timestamptz), append_site_changes(bigint, timestamptz),
    append_device_renamed(bigint, timestamptz), append_user_renamed(bigint, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION append_device_moves(jsonb, timestamptz), append_site_changes(bigint, timestamptz),
    append_device_renamed(bigint, timestamptz), append_user_renamed(bigint, timestamptz) TO lianfang_api;

-- A gateway or a site may serve what its own installer does not see: another village's sensors, another company's
-- detector. These three look past the scope for those whose acts would cut them off, and tell no more than a number.

-- How many devices in use speak through a gateway, or stand at a site, and are outside the asker's scope.
CREATE FUNCTION devices_out_of_sight(of_gateway bigint, of_site bigint) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT count(*) FROM devices d
     WHERE (d.gateway_id = of_gateway OR d.site_id = of_site) AND d.status <> 'retired'
       AND NOT coalesce(scope_keys(d.county, d.township, d.village, d.organisation_id) && current_scope(), false)
$$;

-- The new gateway takes over every child in use of the one that it replaces, wherever it is; returns them. Both must be
-- in the asker's scope.
CREATE FUNCTION adopt_children(old_gateway bigint, new_gateway bigint) RETURNS SETOF bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE devices c SET gateway_id = new_gateway, version = c.version + 1, updated_at = now()
      FROM devices o, devices n
     WHERE c.gateway_id = old_gateway AND c.status <> 'retired' AND o.id = old_gateway AND n.id = new_gateway
       AND scope_keys(o.county, o.township, o.village, o.organisation_id) && current_scope()
       AND scope_keys(n.county, n.township, n.village, n.organisation_id) && current_scope()
    RETURNING c.id
$$;

-- A site in the asker's scope was moved: its devices without a place of their own go with it, whosever they are, and the
-- feed is told of each, with the keys that opened it before.
CREATE FUNCTION move_devices_of_site(of_site bigint, at timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE moves jsonb;
BEGIN
    PERFORM FROM sites s
      WHERE s.id = of_site AND scope_keys(s.county, s.township, s.village, s.organisation_id) && current_scope();
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    PERFORM FROM devices d WHERE d.site_id = of_site AND d.position IS NULL ORDER BY d.id FOR NO KEY UPDATE;
    SELECT jsonb_agg(jsonb_build_object('id', d.id, 'old_keys', array_remove(
               scope_keys(d.county, d.township, d.village, d.organisation_id), NULL)) ORDER BY d.id) INTO moves
      FROM devices d WHERE d.site_id = of_site AND d.position IS NULL;
    IF moves IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM place_devices(ARRAY(SELECT (m ->> 'id')::bigint FROM jsonb_array_elements(moves) m));
    PERFORM append_device_moves(moves, at);
    RETURN jsonb_array_length(moves);
END $$;

REVOKE EXECUTE ON FUNCTION devices_out_of_sight(bigint, bigint), adopt_children(bigint, bigint),
    move_devices_of_site(bigint, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION devices_out_of_sight(bigint, bigint), adopt_children(bigint, bigint),
    move_devices_of_site(bigint, timestamptz) TO lianfang_api;

-- Whether somebody may be given an incident: let in, with one of these roles where the incident is; and the asker sees it.
-- One answer to everything else, so that nobody learns from it who is a user.
CREATE FUNCTION may_handle(asked_user bigint, of_incident bigint, for_roles text[]) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM incidents i, users u, grants g,
               LATERAL scope_keys(i.county, i.township, i.village, i.organisation_id) AS keys
         WHERE i.id = of_incident AND keys && current_scope()
           AND u.id = asked_user AND u.disabled_at IS NULL
           AND g.user_id = u.id AND g.role = ANY (for_roles)
           AND grant_key(g.division_code, g.organisation_id) = ANY (keys))
$$;
REVOKE EXECUTE ON FUNCTION may_handle(bigint, bigint, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION may_handle(bigint, bigint, text[]) TO lianfang_api;

-- Where a report belongs that names no place: to the reporter's own division, the tightest of the scope; nowhere, which is
-- the city desk's, for who has the whole installation.
CREATE FUNCTION own_division() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT d.code
      FROM unnest(current_scope()) k, LATERAL split_part(k, '@', 1) AS d (code), LATERAL tiers_of(d.code) t
     WHERE d.code <> '*' AND '*' <> ALL (current_scope())
     ORDER BY t.village IS NULL, t.township IS NULL, d.code LIMIT 1
$$;

-- Whose a report at a place is: nobody's where the reporter's scope opens that, else the reporter's organisation's.
CREATE FUNCTION own_organisation(county text, township text, village text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT o.id
      FROM unnest(current_scope()) k, LATERAL CAST(nullif(split_part(k, '@', 2), '') AS bigint) AS o (id)
     WHERE k = ANY (scope_keys(county, township, village, o.id))
     ORDER BY o.id NULLS FIRST LIMIT 1
$$;

-- The number of a contact in scope, and who asked for it and why in the audit log: there is no other way to it.
CREATE FUNCTION reveal_contact(of_site bigint, of_contact bigint, reason text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE found_phone text;
BEGIN
    SELECT c.phone INTO found_phone FROM contacts c JOIN sites s ON s.id = c.site_id
     WHERE c.id = of_contact AND s.id = of_site
       AND scope_keys(s.county, s.township, s.village, s.organisation_id) && current_scope();
    IF FOUND THEN
        INSERT INTO audit_log (user_id, username, action, object, reason, details)
        SELECT u.id, u.username, 'contact.reveal', 'contact/' || of_contact, reveal_contact.reason,
               jsonb_build_object('site_id', of_site)
          FROM users u WHERE u.id = current_user_id();
        IF NOT FOUND THEN
            RAISE EXCEPTION 'a number is revealed to a user, and none is set';
        END IF;
    END IF;
    RETURN found_phone;
END $$;

-- Who called, of an incident in scope, likewise.
CREATE FUNCTION reveal_caller(of_incident bigint, reason text, OUT name text, OUT phone text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    SELECT i.caller_name, i.caller_phone INTO name, phone FROM incidents i
     WHERE i.id = of_incident AND (i.caller_name IS NOT NULL OR i.caller_phone IS NOT NULL)
       AND scope_keys(i.county, i.township, i.village, i.organisation_id) && current_scope();
    IF FOUND THEN
        INSERT INTO audit_log (user_id, username, action, object, reason)
        SELECT u.id, u.username, 'caller.reveal', 'incident/' || of_incident, reveal_caller.reason
          FROM users u WHERE u.id = current_user_id();
        IF NOT FOUND THEN
            RAISE EXCEPTION 'a number is revealed to a user, and none is set';
        END IF;
    END IF;
END $$;
REVOKE EXECUTE ON FUNCTION reveal_contact(bigint, bigint, text), reveal_caller(bigint, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION reveal_contact(bigint, bigint, text), reveal_caller(bigint, text) TO lianfang_api;

REVOKE EXECUTE ON FUNCTION append_changes(bigint[], bigint[], bigint[], timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION append_changes(bigint[], bigint[], bigint[], timestamptz) TO lianfang_api, lianfang_intake;
REVOKE EXECUTE ON FUNCTION
    list_sites(geometry, text, text[], text, boolean, bigint, bigint),
    list_devices(geometry, text, text[], text[], text, bigint, bigint, bigint),
    list_incidents(geometry, text, timestamptz, timestamptz, text[], text[], text, timestamptz, bigint, bigint),
    list_alarms(geometry, text, timestamptz, timestamptz, text[], text[], bigint, bigint, bigint, timestamptz, bigint,
                bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    list_sites(geometry, text, text[], text, boolean, bigint, bigint),
    list_devices(geometry, text, text[], text[], text, bigint, bigint, bigint),
    list_incidents(geometry, text, timestamptz, timestamptz, text[], text[], text, timestamptz, bigint, bigint),
    list_alarms(geometry, text, timestamptz, timestamptz, text[], text[], bigint, bigint, bigint, timestamptz, bigint,
                bigint) TO lianfang_api;

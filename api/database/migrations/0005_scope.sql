-- Who may see what, enforced here and not only in a route.
--
-- One idea in one form: a *scope key* is a division's code, or '*' for the whole installation, optionally narrowed to
-- an organisation: '411282000000', '411282000000@17', '*', '*@17'. A row carries the keys that open it; a user's
-- grants are keys; the row is visible when the two sets meet. Rows without a place carry only '*' keys: the city desk.

CREATE FUNCTION scope_keys(county text, township text, village text, organisation_id bigint) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ARRAY['*', county, township, village,           -- ::text, or the function could not be inlined
                 '*@' || organisation_id::text, county || '@' || organisation_id::text,
                 township || '@' || organisation_id::text, village || '@' || organisation_id::text]
$$;

-- The keys of this transaction's user; NULL (nothing visible) where none was set.
CREATE FUNCTION current_scope() RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT string_to_array(nullif(current_setting('lianfang.scope', true), ''), ',')
$$;

CREATE FUNCTION current_user_id() RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('lianfang.user_id', true), '')::bigint
$$;

-- The scope key of a grant. The city's code opens the whole installation; another city's, once the installation's own
-- is loaded, opens nothing.
CREATE FUNCTION grant_key(division_code text, organisation_id bigint) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN division_code IS NULL THEN '*'
                WHEN division_code LIKE '%00000000'
                     AND (EXISTS (SELECT FROM divisions d WHERE d.code = division_code AND d.valid_to IS NULL)
                          OR NOT EXISTS (SELECT FROM divisions d WHERE d.tier = 1 AND d.valid_to IS NULL)) THEN '*'
                ELSE division_code END
           || coalesce('@' || organisation_id::text, '')
$$;

-- Sets this transaction's user and scope from those grants in force that have one of the roles (NULL: any role), and
-- returns the keys. The one door for the api role: a permission names roles, so each act sees just what it may touch.
CREATE FUNCTION begin_scope(for_user_id bigint, for_roles text[] DEFAULT NULL) RETURNS text[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE keys text[];
BEGIN
    SELECT coalesce(array_agg(DISTINCT grant_key(g.division_code, g.organisation_id)), '{}') INTO keys
      FROM grants g JOIN users u ON u.id = g.user_id
     WHERE g.user_id = for_user_id AND u.disabled_at IS NULL AND (for_roles IS NULL OR g.role = ANY (for_roles));
    PERFORM set_config('lianfang.user_id', for_user_id::text, true);
    PERFORM set_config('lianfang.scope', array_to_string(keys, ','), true);
    RETURN keys;
END $$;

-- Row security is the net under everything. The owner's and the intake's policies are stated, not implied.
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['sites', 'contacts', 'devices', 'device_states', 'device_history', 'unknown_devices',
                             'raw_messages', 'signals', 'alarms', 'incidents', 'incident_entries', 'changes'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY owner_all ON %I TO lianfang_owner USING (true) WITH CHECK (true)', t);
        IF t <> 'contacts' THEN   -- the intake has no business with telephone numbers
            EXECUTE format('CREATE POLICY intake_all ON %I TO lianfang_intake USING (true) WITH CHECK (true)', t);
        END IF;
    END LOOP;
    FOREACH t IN ARRAY ARRAY['sites', 'devices', 'signals', 'alarms', 'incidents'] LOOP
        EXECUTE format('CREATE POLICY api_scope ON %I TO lianfang_api USING '
            '(scope_keys(county, township, village, organisation_id) && (SELECT current_scope()))', t);
    END LOOP;
END $$;
CREATE POLICY api_scope ON contacts TO lianfang_api
    USING (EXISTS (SELECT 1 FROM sites s WHERE s.id = contacts.site_id));
CREATE POLICY api_scope ON device_states TO lianfang_api
    USING (EXISTS (SELECT 1 FROM devices d WHERE d.id = device_states.device_id));
CREATE POLICY api_scope ON device_history TO lianfang_api
    USING (EXISTS (SELECT 1 FROM devices d WHERE d.id = device_history.device_id));
CREATE POLICY api_scope ON incident_entries TO lianfang_api
    USING (EXISTS (SELECT 1 FROM incidents i WHERE i.id = incident_entries.incident_id));
CREATE POLICY api_scope ON unknown_devices TO lianfang_api
    USING ('*' = ANY ((SELECT current_scope())::text[]));
CREATE POLICY api_scope ON raw_messages TO lianfang_api
    USING ('*' = ANY ((SELECT current_scope())::text[]));
-- The feed reads every change once a process and filters in memory by the same keys (api/live.py, with its own tests).
CREATE POLICY api_feed ON changes FOR SELECT TO lianfang_api USING (true);

GRANT USAGE ON SCHEMA public TO lianfang_intake, lianfang_api;
GRANT SELECT ON divisions, grid_cells, organisations, layer_versions, sites, devices, users
    TO lianfang_intake;
GRANT SELECT, INSERT, UPDATE ON device_states, unknown_devices, alarms, incidents, heartbeats TO lianfang_intake;
GRANT SELECT, INSERT ON raw_messages, signals, incident_entries TO lianfang_intake;
GRANT SELECT ON feed_position, changes TO lianfang_intake;        -- changes are appended by append_changes alone
GRANT SELECT, INSERT, DELETE ON message_ids, stored_packets TO lianfang_intake;
GRANT UPDATE (status, test_until, version, updated_at) ON devices TO lianfang_intake;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO lianfang_intake;

GRANT SELECT ON divisions, grid_cells, layer_versions, device_states, unknown_devices, raw_messages, signals, alarms,
    incidents, incident_entries, changes, audit_log, feed_position, heartbeats TO lianfang_api;
GRANT SELECT, INSERT, UPDATE ON organisations, sites, devices, users, device_credentials TO lianfang_api;
GRANT SELECT, INSERT ON device_history TO lianfang_api;           -- it only grows
GRANT SELECT, INSERT, UPDATE, DELETE ON contacts, grants, sessions TO lianfang_api;
GRANT INSERT, UPDATE ON incidents TO lianfang_api;
GRANT UPDATE ON alarms, layer_versions TO lianfang_api;
GRANT DELETE ON unknown_devices, device_credentials TO lianfang_api;
GRANT INSERT ON incident_entries, audit_log TO lianfang_api;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO lianfang_api;

-- Who a session's token belongs to, with the grants in force. NULL where it is unknown, over, or its user disabled.
CREATE FUNCTION session_user_of(token bytea) RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE found json;
BEGIN
    SELECT row_to_json(x) INTO found FROM (
        SELECT u.id, u.username, u.display_name, u.locale,
               coalesce((SELECT json_agg(json_build_object(
                             'role', g.role, 'division_code', g.division_code, 'organisation_id', g.organisation_id,
                             'division_name', d.name, 'key', grant_key(g.division_code, g.organisation_id)) ORDER BY g.id)
                           FROM grants g LEFT JOIN divisions d ON d.code = g.division_code AND d.valid_to IS NULL
                          WHERE g.user_id = u.id), '[]') AS grants
          FROM sessions s JOIN users u ON u.id = s.user_id
         WHERE s.token_hash = token AND s.expires_at > now() AND u.disabled_at IS NULL) x;
    IF found IS NOT NULL THEN
        UPDATE sessions SET last_seen_at = now() WHERE token_hash = token AND last_seen_at < now() - interval '1 minute';
    END IF;
    RETURN found;
END $$;

-- The password hash of a user who may sign in; the api role may not read hashes otherwise.
CREATE FUNCTION password_of(name text) RETURNS TABLE (user_id bigint, password_hash text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT id, users.password_hash FROM users WHERE username = name AND disabled_at IS NULL
$$;

REVOKE SELECT ON users FROM lianfang_api, lianfang_intake;
GRANT SELECT (id, username, display_name, phone, locale, disabled_at, created_at) ON users TO lianfang_api;
GRANT SELECT (id, display_name) ON users TO lianfang_intake;
REVOKE SELECT ON sessions FROM lianfang_api;
GRANT SELECT (token_hash, user_id, kind, created_at, expires_at, last_seen_at) ON sessions TO lianfang_api;
REVOKE EXECUTE ON FUNCTION session_user_of(bytea), password_of(text), begin_scope(bigint, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION session_user_of(bytea), password_of(text), begin_scope(bigint, text[]) TO lianfang_api;

-- A telephone number that tells a person which one it is, and nobody else what it is: 138****1234. Of a short one, whose
-- first digits are the whole town's, only the last two are shown.
CREATE FUNCTION mask_phone(phone text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN length(phone) >= 11 THEN left(phone, 3) || repeat('*', length(phone) - 7) || right(phone, 4)
                WHEN length(phone) >= 5 THEN repeat('*', length(phone) - 2) || right(phone, 2)
                ELSE repeat('*', length(phone)) END
$$;

-- A person's name: the family name in Chinese, an initial elsewhere.
CREATE FUNCTION mask_name(name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN name = '' THEN '' ELSE left(name, 1) || '**' END
$$;

-- The api role and the intake read them masked only. The number itself comes out of reveal_contact and reveal_caller
-- (0010_lists.sql), which look at the scope and write the line of the audit log.
ALTER TABLE contacts ADD COLUMN phone_masked text NOT NULL GENERATED ALWAYS AS (mask_phone(phone)) STORED;
ALTER TABLE incidents ADD COLUMN caller_name_masked text GENERATED ALWAYS AS (mask_name(caller_name)) STORED,
                      ADD COLUMN caller_phone_masked text GENERATED ALWAYS AS (mask_phone(caller_phone)) STORED;
DO $$
DECLARE t text; columns text;
BEGIN
    FOREACH t IN ARRAY ARRAY['contacts', 'incidents'] LOOP
        SELECT string_agg(quote_ident(attname), ', ') INTO columns
          FROM pg_attribute WHERE attrelid = t::regclass AND attnum > 0 AND NOT attisdropped
           AND attname NOT IN ('phone', 'caller_name', 'caller_phone');
        EXECUTE format('REVOKE SELECT ON %I FROM lianfang_api, lianfang_intake', t);
        EXECUTE format('GRANT SELECT (%s) ON %I TO lianfang_api', columns, t);
        IF t = 'incidents' THEN
            EXECUTE format('GRANT SELECT (%s) ON %I TO lianfang_intake', columns, t);
        END IF;
    END LOOP;
END $$;
-- (for jobs, which forget callers when their incident has been closed for a while)
CREATE INDEX incidents_callers ON incidents (closed_at) WHERE caller_name IS NOT NULL OR caller_phone IS NOT NULL;

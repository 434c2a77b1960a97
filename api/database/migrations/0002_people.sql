-- Who may do what, and the log of who did.

CREATE TABLE users (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    username      text NOT NULL UNIQUE CHECK (username ~ '^[A-Za-z0-9_.@-]{1,64}$'),
    display_name  text NOT NULL,
    password_hash text NOT NULL,                                  -- argon2id
    phone         text,
    locale        text NOT NULL DEFAULT 'zh' CHECK (locale IN ('zh', 'en')),
    disabled_at   timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE grants (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id         bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role            text NOT NULL CHECK (role IN
                        ('dispatcher', 'installer', 'investigator', 'patrol', 'grid_member', 'auditor', 'admin')),
    division_code   text CHECK (division_code ~ '^[0-9]{12}$'),   -- NULL or a city's code: the whole installation
    organisation_id bigint REFERENCES organisations (id),         -- NULL: of every organisation
    granted_at      timestamptz NOT NULL DEFAULT now(),
    granted_by      bigint REFERENCES users (id),
    UNIQUE NULLS NOT DISTINCT (user_id, role, division_code, organisation_id)
);

CREATE TABLE sessions (
    token_hash   bytea PRIMARY KEY,                               -- SHA-256 of the cookie or bearer token
    user_id      bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind         text NOT NULL CHECK (kind IN ('cookie', 'bearer')),
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- Append-only and chained: each line carries the SHA-256 of the one before, so that a changed or missing line shows.
CREATE TABLE audit_log (
    seq       bigint PRIMARY KEY,
    at        timestamptz NOT NULL,
    user_id   bigint,
    username  text NOT NULL,
    action    text NOT NULL,                                      -- contact.reveal, incident.close, user.add ...
    object    text NOT NULL DEFAULT '',                           -- incident/1182
    reason    text NOT NULL DEFAULT '',
    details   jsonb NOT NULL DEFAULT '{}',
    prev_hash bytea NOT NULL,
    hash      bytea NOT NULL
);
CREATE INDEX audit_log_at ON audit_log (at);

CREATE FUNCTION audit_line_hash(prev bytea, seq bigint, at timestamptz, user_id bigint, username text,
                                action text, object text, reason text, details jsonb) RETURNS bytea
LANGUAGE sql STABLE AS $$
    SELECT sha256(prev || convert_to(jsonb_build_array(
        seq, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        user_id, username, action, object, reason, details)::text, 'UTF8'))
$$;

CREATE FUNCTION audit_chain() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE last record;
BEGIN
    PERFORM pg_advisory_xact_lock(4112000002);                    -- one line after another
    SELECT a.seq, a.hash INTO last FROM audit_log a ORDER BY a.seq DESC LIMIT 1;
    NEW.seq := coalesce(last.seq, 0) + 1;
    NEW.at := clock_timestamp();
    NEW.prev_hash := coalesce(last.hash, '\x00'::bytea);
    NEW.hash := audit_line_hash(NEW.prev_hash, NEW.seq, NEW.at, NEW.user_id, NEW.username, NEW.action,
                                NEW.object, NEW.reason, NEW.details);
    RETURN NEW;
END $$;
CREATE TRIGGER audit_chain BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_chain();

CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log only grows: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();

-- What cameras see: where they look, who reads their streams, and the pictures that they took.
-- A camera is a device of kind camera; what is here hangs on its number.

-- The part of the ground that a camera sees: a sector of a circle, drawn on the ellipsoid. A camera that looks all round
-- (360 degrees) sees a disc.
CREATE FUNCTION view_sector(at geometry, bearing_deg double precision, view_angle_deg double precision,
                            range_m double precision) RETURNS geometry
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN at IS NULL THEN NULL
                WHEN view_angle_deg >= 360 THEN ST_MakePolygon(ST_MakeLine(arc || arc[1]))
                ELSE ST_MakePolygon(ST_MakeLine(ARRAY[at] || arc || ARRAY[at])) END
      FROM (SELECT array_agg(ST_Project(at::geography, range_m, radians(
                       bearing_deg - view_angle_deg / 2 + view_angle_deg * n / 32))::geometry ORDER BY n) AS arc
              FROM generate_series(0, CASE WHEN view_angle_deg >= 360 THEN 31 ELSE 32 END) AS n) a
$$;

CREATE TABLE cameras (
    device_id      bigint PRIMARY KEY REFERENCES devices (id) ON DELETE CASCADE,
    stream_url     text CHECK (stream_url ~ '^rtsps?://'),        -- a secret: it may hold a password
    has_stream     boolean NOT NULL GENERATED ALWAYS AS (stream_url IS NOT NULL) STORED,
    bearing_deg    double precision NOT NULL CHECK (bearing_deg >= 0 AND bearing_deg < 360),  -- from true north, clockwise
    view_angle_deg double precision NOT NULL CHECK (view_angle_deg > 0 AND view_angle_deg <= 360),
    range_m        double precision NOT NULL CHECK (range_m > 0 AND range_m <= 2000),
    sector         geometry(Polygon, 4326),                       -- NULL: it stands nowhere yet
    state          text NOT NULL DEFAULT 'unknown' CHECK (state IN ('unknown', 'seeing', 'lost')),
    state_at       timestamptz,
    fault          text,                                          -- why its stream was lost, in plain words
    leased_by      text,                                          -- the worker that reads it
    leased_until   timestamptz
);
CREATE INDEX cameras_sector ON cameras USING gist (sector);

-- What is said of a stream holds as long as somebody reads it.
CREATE FUNCTION stream_state(told text, leased_until timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT CASE WHEN leased_until > now() THEN told ELSE 'unknown' END $$;

-- The sector follows whatever it is made of: the camera's own figures, its place, its site's place.
CREATE FUNCTION camera_sector(of_device bigint, bearing_deg double precision, view_angle_deg double precision,
                              range_m double precision) RETURNS geometry
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT view_sector(coalesce(d.position, s.position), bearing_deg, view_angle_deg, range_m)
      FROM devices d LEFT JOIN sites s ON s.id = d.site_id WHERE d.id = of_device
$$;

CREATE FUNCTION cameras_draw() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    NEW.sector := camera_sector(NEW.device_id, NEW.bearing_deg, NEW.view_angle_deg, NEW.range_m);
    RETURN NEW;
END $$;
CREATE TRIGGER cameras_draw BEFORE INSERT OR UPDATE OF bearing_deg, view_angle_deg, range_m ON cameras
    FOR EACH ROW EXECUTE FUNCTION cameras_draw();

CREATE FUNCTION cameras_follow() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_TABLE_NAME = 'devices' THEN
        IF OLD.position IS DISTINCT FROM NEW.position OR OLD.site_id IS DISTINCT FROM NEW.site_id THEN
            UPDATE cameras c SET sector = camera_sector(c.device_id, c.bearing_deg, c.view_angle_deg, c.range_m)
             WHERE c.device_id = NEW.id;
        END IF;
    ELSIF OLD.position IS DISTINCT FROM NEW.position THEN
        UPDATE cameras c SET sector = camera_sector(c.device_id, c.bearing_deg, c.view_angle_deg, c.range_m)
          FROM devices d WHERE d.site_id = NEW.id AND c.device_id = d.id;
    END IF;
    RETURN NULL;
END $$;
-- (Compared in the function: a WHEN with a geometry in it cannot be restored from a dump, which sets no search_path.)
CREATE TRIGGER cameras_follow AFTER UPDATE OF position, site_id ON devices
    FOR EACH ROW EXECUTE FUNCTION cameras_follow();
CREATE TRIGGER cameras_follow AFTER UPDATE OF position ON sites FOR EACH ROW EXECUTE FUNCTION cameras_follow();

-- What stands in a camera's stead looks where it looked.
CREATE FUNCTION cameras_succeed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO cameras (device_id, stream_url, bearing_deg, view_angle_deg, range_m)
    SELECT NEW.replaced_by, stream_url, bearing_deg, view_angle_deg, range_m FROM cameras WHERE device_id = NEW.id
        ON CONFLICT (device_id) DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER cameras_succeed AFTER UPDATE OF replaced_by ON devices
    FOR EACH ROW WHEN (NEW.replaced_by IS NOT NULL) EXECUTE FUNCTION cameras_succeed();

-- Files kept under their SHA-256 outside the database; a row for each, with the day on which both are deleted.
CREATE TABLE evidence (
    sha256       text PRIMARY KEY CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    kind         text NOT NULL CHECK (kind IN ('snapshot')),
    bytes        bigint NOT NULL CHECK (bytes > 0),
    width_px     integer NOT NULL,
    height_px    integer NOT NULL,
    taken_at     timestamptz NOT NULL,                            -- by the worker's clock, which may be wrong
    stored_at    timestamptz NOT NULL DEFAULT now(),              -- by the database's: what is kept counts from here
    device_id    bigint NOT NULL REFERENCES devices (id),
    message_id   text NOT NULL,                                   -- of the signal that tells of it
    alarm_id     bigint REFERENCES alarms (id),                   -- NULL: the signal raised none, or has not arrived
    delete_after timestamptz NOT NULL,
    UNIQUE (device_id, message_id)
);

-- The intake sets the alarm when it stores the signal. Where the worker could not write the row before (the database was
-- away from it), the signal is there already.
CREATE FUNCTION evidence_belongs() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM message_ids m WHERE m.device_id = NEW.device_id AND m.message_id = NEW.message_id) THEN
        SELECT s.alarm_id INTO NEW.alarm_id FROM signals s
         WHERE s.device_id = NEW.device_id AND s.message_id = NEW.message_id AND s.alarm_id IS NOT NULL
           AND s.received_at > now() - interval '1 day';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER evidence_belongs BEFORE INSERT ON evidence FOR EACH ROW EXECUTE FUNCTION evidence_belongs();

CREATE INDEX evidence_alarm ON evidence (alarm_id) WHERE alarm_id IS NOT NULL;
CREATE INDEX evidence_stored ON evidence (stored_at);

-- Who may see what. A picture is seen by who may see the incident that it belongs to.
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['cameras', 'evidence'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY owner_all ON %I TO lianfang_owner USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY video_all ON %I TO lianfang_video USING (true) WITH CHECK (true)', t);
    END LOOP;
END $$;
CREATE POLICY api_scope ON cameras TO lianfang_api
    USING (EXISTS (SELECT FROM devices d WHERE d.id = cameras.device_id));
CREATE POLICY api_scope ON evidence TO lianfang_api
    USING (EXISTS (SELECT FROM alarms a WHERE a.id = evidence.alarm_id));
CREATE POLICY intake_all ON evidence TO lianfang_intake USING (true) WITH CHECK (true);
CREATE POLICY video_cameras ON devices FOR SELECT TO lianfang_video USING (kind = 'camera');

GRANT SELECT (device_id, has_stream, bearing_deg, view_angle_deg, range_m, sector, state, state_at, fault,
              leased_until) ON cameras TO lianfang_api;
GRANT INSERT (device_id, stream_url, bearing_deg, view_angle_deg, range_m) ON cameras TO lianfang_api;
GRANT UPDATE (stream_url, bearing_deg, view_angle_deg, range_m) ON cameras TO lianfang_api;
GRANT SELECT (sha256, kind, bytes, width_px, height_px, taken_at, device_id, alarm_id) ON evidence TO lianfang_api;
GRANT SELECT (device_id, message_id), UPDATE (alarm_id) ON evidence TO lianfang_intake;

-- The worker parses what cameras send: it may touch cameras and pictures, and nothing else.
GRANT USAGE ON SCHEMA public TO lianfang_video;
GRANT SELECT (id, device_id, kind, status) ON devices TO lianfang_video;
GRANT SELECT (device_id, stream_url, state, fault, leased_by, leased_until),
      UPDATE (state, state_at, fault, leased_by, leased_until) ON cameras TO lianfang_video;
GRANT INSERT ON evidence TO lianfang_video;

-- One look at a picture: found in scope, and who looked and why in the audit log. There is no other way to the file's
-- address than to know it, and none to the file than through here.
CREATE FUNCTION look_at_evidence(of_sha256 text, reason text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE of_incident bigint;
BEGIN
    SELECT i.id INTO of_incident
      FROM evidence e JOIN alarms a ON a.id = e.alarm_id JOIN incidents i ON i.id = a.incident_id
     WHERE e.sha256 = of_sha256
       AND (scope_keys(i.county, i.township, i.village, i.organisation_id) && current_scope()
            OR scope_keys(a.county, a.township, a.village, a.organisation_id) && current_scope());
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO audit_log (user_id, username, action, object, reason, details)
    SELECT u.id, u.username, 'evidence.look', 'evidence/' || of_sha256, look_at_evidence.reason,
           jsonb_build_object('incident_id', of_incident)
      FROM users u WHERE u.id = current_user_id();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a picture is shown to a user, and none is set';
    END IF;
    RETURN true;
END $$;

REVOKE EXECUTE ON FUNCTION look_at_evidence(text, text),
    camera_sector(bigint, double precision, double precision, double precision) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION look_at_evidence(text, text) TO lianfang_api;

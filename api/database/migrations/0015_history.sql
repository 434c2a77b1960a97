-- What an investigator asks of the past, and why.

-- One question with its purpose: its pages and files are asked for by its number, by its own user, until it expires. The
-- audit log keeps the question for good; this row goes.
CREATE TABLE searches (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id    bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    at         timestamptz NOT NULL DEFAULT now(),
    purpose    text NOT NULL CHECK (length(btrim(purpose)) >= 3),
    query      jsonb NOT NULL,                                    -- alarms/history/query.py
    expires_at timestamptz NOT NULL
);
CREATE INDEX searches_user ON searches (user_id);
CREATE INDEX searches_expiry ON searches (expires_at);

ALTER TABLE searches ENABLE ROW LEVEL SECURITY;
ALTER TABLE searches FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON searches TO lianfang_owner USING (true) WITH CHECK (true);
CREATE POLICY api_own ON searches TO lianfang_api
    USING (user_id = (SELECT current_user_id())) WITH CHECK (user_id = (SELECT current_user_id()));
GRANT SELECT, INSERT (user_id, purpose, query, expires_at) ON searches TO lianfang_api;

-- What people wrote on incidents; most lines of a timeline have no words. Of one or two characters, which have no trigram,
-- the whole of this small index is read, not the table.
CREATE INDEX incident_entries_text ON incident_entries USING gin (text gin_trgm_ops) WHERE text <> '';

-- The minute of the day, 0 to 1439, that a clock in this zone shows.
CREATE FUNCTION minute_of_day(at timestamptz, zone text) RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT (extract(hour FROM at AT TIME ZONE zone) * 60 + extract(minute FROM at AT TIME ZONE zone))::integer
$$;

-- Incidents, newest first, from before (before_at, before_id): like list_incidents (0010_lists.sql), whose reasons hold
-- here too, with all that an investigator asks for. Minutes: from the first up to but without the last; where the last is
-- not after the first, over midnight.
-- (Measured with a million incidents, 2 cores: most questions 1 to 100 ms; hours of the day 0.6 s for the whole city; a
-- word of one or two characters 0.3 to 0.8 s, 1.9 s where it stands in every title.)
CREATE FUNCTION search_incidents(area geometry, division text, since timestamptz, until timestamptz, zone text,
                                 from_minute integer, to_minute integer, categories text[], dispositions text[],
                                 priorities smallint[], states text[], q text, only_id bigint,
                                 before_at timestamptz, before_id bigint, most bigint)
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
       AND (area IS NULL OR ST_Intersects(i.position, area))
       AND lies_in(i.county, i.township, i.village, inside.county, inside.township, inside.village)
       AND (since IS NULL OR i.opened_at >= since)
       AND (until IS NULL OR i.opened_at < until)
       AND (from_minute IS NULL
            OR from_minute < to_minute AND minute_of_day(i.opened_at, zone) >= from_minute
                                       AND minute_of_day(i.opened_at, zone) < to_minute
            OR from_minute >= to_minute AND (minute_of_day(i.opened_at, zone) >= from_minute
                                             OR minute_of_day(i.opened_at, zone) < to_minute))
       AND (categories IS NULL OR i.category = ANY (categories))
       AND (dispositions IS NULL OR i.disposition = ANY (dispositions))
       AND (priorities IS NULL OR i.priority = ANY (priorities))
       AND (states IS NULL OR i.state = ANY (states))
       AND (pattern IS NULL OR i.id = ANY (ARRAY(
               SELECT * FROM incidents_called(pattern)
                UNION ALL
               SELECT e.incident_id FROM incident_entries e WHERE e.text <> '' AND e.text ILIKE pattern)))
       AND (only_id IS NULL OR i.id = only_id)
       AND (before_at IS NULL OR (i.opened_at, i.id) < (before_at, before_id))
     ORDER BY i.opened_at DESC, i.id DESC LIMIT most;
END $$;

REVOKE EXECUTE ON FUNCTION search_incidents(geometry, text, timestamptz, timestamptz, text, integer, integer, text[], text[],
    smallint[], text[], text, bigint, timestamptz, bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_incidents(geometry, text, timestamptz, timestamptz, text, integer, integer, text[], text[],
    smallint[], text[], text, bigint, timestamptz, bigint, bigint) TO lianfang_api;

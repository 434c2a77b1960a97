-- What the installer's page needs: who recorded a contact's consent, which devices are in test, and which sites are near.

ALTER TABLE contacts ADD COLUMN consent_by_user bigint REFERENCES users (id);     -- whom the contact told so, at consent_at
ALTER TABLE contacts ADD CHECK (consent_by_user IS NULL OR consent_at IS NOT NULL);
GRANT SELECT (consent_by_user) ON contacts TO lianfang_api;       -- reading is by column: phone is not among them

CREATE INDEX devices_in_test ON devices (test_until) WHERE status = 'test';

-- Sites in use and in scope within some metres of a WGS 84 point, the nearest first, with their distance. Ids only, so that
-- what is read by them goes through row security once more; as the owner, because && is not leakproof (0010_lists.sql).
CREATE FUNCTION sites_near(point geometry, within_m double precision, most bigint)
RETURNS TABLE (id bigint, distance_m double precision)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    keys text[] := current_scope();
    everything boolean := coalesce('*' = ANY (keys), false);
    -- A degree of latitude is 110,574 m at least; longitudes draw together towards the pole.
    north float8 := within_m / 110574;
    east float8 := within_m / (110574 * greatest(cos(radians(ST_Y(point))), 0.01));
    box geometry := ST_Expand(point, east, north);
BEGIN
    RETURN QUERY
    SELECT s.id, d.metres
      FROM sites s, LATERAL ST_Distance(s.position::geography, point::geography) AS d (metres)
     WHERE (everything OR scope_keys(s.county, s.township, s.village, s.organisation_id) && keys)
       AND s.retired_at IS NULL AND s.position && box AND d.metres <= within_m
     ORDER BY d.metres, s.id LIMIT most;
END $$;
REVOKE EXECUTE ON FUNCTION sites_near(geometry, double precision, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sites_near(geometry, double precision, bigint) TO lianfang_api;

-- Point -> grid cell -> tiers. Only the leaf cell is joined; the tiers follow from its code.

-- The tiers that a division's code stands for: 411282101205 -> 411282000000, 411282101000, 411282101205.
CREATE FUNCTION tiers_of(code text, OUT county text, OUT township text, OUT village text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN substr(code, 5, 2) <> '00' THEN substr(code, 1, 6) || '000000' END,
           CASE WHEN substr(code, 7, 3) <> '000' THEN substr(code, 1, 9) || '000' END,
           CASE WHEN substr(code, 10, 3) <> '000' THEN substr(code, 1, 12) END
$$;

-- Where a WGS 84 point is: its grid cell; without one its village, else its township, else its county. One row, or none
-- where no polygon covers it. On a shared border the lowest code wins, so that the answer is always the same.
CREATE FUNCTION locate(point geometry)
RETURNS TABLE (grid_cell_id bigint, grid_cell text, county text, township text, village text)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    WITH cell AS MATERIALIZED (
        SELECT c.id, c.code, c.village
          FROM grid_cells c
         WHERE c.valid_to IS NULL AND ST_Covers(c.boundary, point)
         ORDER BY c.code LIMIT 1
    ), division AS MATERIALIZED (
        SELECT d.code
          FROM divisions d
         WHERE NOT EXISTS (SELECT FROM cell)
           AND d.valid_to IS NULL AND d.tier >= 2 AND ST_Covers(d.boundary, point)
         ORDER BY d.tier DESC, d.code LIMIT 1
    )
    SELECT cell.id, cell.code, t.county, t.township, t.village
      FROM cell, LATERAL tiers_of(cell.village) t
     UNION ALL
    SELECT NULL, NULL, t.county, t.township, t.village
      FROM division, LATERAL tiers_of(division.code) t
$$;

-- Like locate, for something whose division may have been declared. The declared one stands where geometry cannot
-- contradict it: there is no point, or the division has no boundary and the nearest tier above that has one covers it.
CREATE FUNCTION place(point geometry, declared text)
RETURNS TABLE (grid_cell_id bigint, grid_cell text, county text, township text, village text)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    WITH stands AS MATERIALIZED (
        SELECT d.code
          FROM divisions d
         WHERE d.code = declared AND d.valid_to IS NULL AND d.tier >= 2
           AND (point IS NULL OR d.boundary IS NULL AND coalesce(
                   (SELECT ST_Covers(a.boundary, point)
                      FROM divisions a
                     WHERE a.valid_to IS NULL AND a.boundary IS NOT NULL AND a.tier < d.tier
                       AND a.code IN (substr(d.code, 1, 9) || '000', substr(d.code, 1, 6) || '000000',
                                      substr(d.code, 1, 4) || '00000000')
                     ORDER BY a.tier DESC LIMIT 1), true))
    )
    SELECT NULL::bigint, NULL::text, t.county, t.township, t.village
      FROM stands, LATERAL tiers_of(stands.code) t
     UNION ALL
    SELECT l.* FROM locate(point) l WHERE NOT EXISTS (SELECT FROM stands)
$$;

-- Join sites to their cell and tiers again; returns how many changed. A changed site's devices: place_devices.
CREATE FUNCTION place_sites(ids bigint[]) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE n integer;
BEGIN
    UPDATE sites s
       SET grid_cell_id = p.grid_cell_id, grid_cell = p.grid_cell, county = p.county, township = p.township,
           village = p.village, version = s.version + 1, updated_at = now()
      FROM sites o LEFT JOIN LATERAL place(o.position, coalesce(o.village, o.township, o.county)) p ON true
     WHERE o.id = ANY (ids) AND s.id = o.id
       AND (s.grid_cell_id, s.grid_cell, s.county, s.township, s.village)
           IS DISTINCT FROM (p.grid_cell_id, p.grid_cell, p.county, p.township, p.village);
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END $$;

-- Join devices to cell and tiers again: by their own position, else as their site is, else as declared.
CREATE FUNCTION place_devices(ids bigint[]) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE n integer;
BEGIN
    UPDATE devices d
       SET grid_cell_id = p.grid_cell_id, grid_cell = p.grid_cell, county = p.county, township = p.township,
           village = p.village, version = d.version + 1, updated_at = now()
      FROM (SELECT o.id, s.grid_cell_id, s.grid_cell, s.county, s.township, s.village
              FROM devices o JOIN sites s ON s.id = o.site_id
             WHERE o.id = ANY (ids) AND o.position IS NULL
             UNION ALL
            SELECT o.id, l.*
              FROM devices o
              LEFT JOIN sites s ON s.id = o.site_id
              LEFT JOIN LATERAL place(o.position, coalesce(s.village, s.township, s.county,
                                                           o.village, o.township, o.county)) l ON true
             WHERE o.id = ANY (ids) AND (o.position IS NOT NULL OR o.site_id IS NULL)) p
     WHERE d.id = p.id
       AND (d.grid_cell_id, d.grid_cell, d.county, d.township, d.village)
           IS DISTINCT FROM (p.grid_cell_id, p.grid_cell, p.county, p.township, p.village);
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END $$;

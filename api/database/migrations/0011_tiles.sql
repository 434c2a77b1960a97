-- Vector tiles (OGC Two Dimensional Tile Matrix Set: WebMercatorQuad). Each function begins with the reader's scope,
-- which it returns beside the tile, so that a tile is only kept for the scope that it was made for. It runs as the owner:
-- row security would keep the GiST index from being used, because && is not leakproof.

-- Ground as the map shows it, in EPSG:3857. Divisions are simplified as a coverage, so that neighbours still fit, by
-- gis/tiles.py; that is done when boundaries are loaded. What has no row here is drawn as it is.
ALTER TABLE divisions ADD COLUMN boundary_web geometry(MultiPolygon, 3857)
    GENERATED ALWAYS AS (ST_Transform(boundary, 3857)) STORED;
ALTER TABLE grid_cells ADD COLUMN boundary_web geometry(MultiPolygon, 3857)
    GENERATED ALWAYS AS (ST_Transform(boundary, 3857)) STORED;
CREATE INDEX divisions_boundary_web ON divisions USING gist (boundary_web) WHERE valid_to IS NULL;
CREATE INDEX grid_cells_boundary_web ON grid_cells USING gist (boundary_web) WHERE valid_to IS NULL;

CREATE TABLE division_shapes (
    division_id bigint PRIMARY KEY REFERENCES divisions (id) ON DELETE CASCADE,
    to_z8       geometry(Geometry, 3857) NOT NULL,                -- up to zoom 8
    to_z10      geometry(Geometry, 3857) NOT NULL,                -- zooms 9 and 10
    to_z12      geometry(Geometry, 3857) NOT NULL                 -- zooms 11 and 12; beyond: the boundary itself
);

-- Whether a grid cell's codes meet the keys of a scope. Organisations do not own cells: 'x@17' opens as 'x' does.
CREATE FUNCTION ground_keys(keys text[]) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(DISTINCT split_part(k, '@', 1)), '{}') FROM unnest(keys) k
$$;

-- The divisions of a tile: city and counties always, townships from zoom 7, villages from zoom 10; as polygons in layer
-- 'divisions' and as points in layer 'labels'. Where divisions are is no secret, but it takes a grant to be shown them.
CREATE FUNCTION tile_divisions(for_user_id bigint, for_roles text[], z integer, x integer, y integer,
    OUT scope text[], OUT tile bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    frame geometry := ST_TileEnvelope(z, x, y);
    deepest integer := CASE WHEN z < 7 THEN 2 WHEN z < 10 THEN 3 ELSE 4 END;
    polygons bytea;
    labels bytea;
BEGIN
    scope := begin_scope(for_user_id, for_roles);
    tile := '';
    IF scope = '{}' THEN
        RETURN;
    END IF;
    SELECT ST_AsMVT(f, 'divisions', 4096, 'geom', 'feature_id') INTO polygons
      FROM (SELECT d.id AS feature_id, d.code, d.tier, d.name, d.name_latin, d.synthetic,
                   ST_AsMVTGeom(CASE WHEN s.division_id IS NULL OR z > 12 THEN d.boundary_web
                                     WHEN z <= 8 THEN s.to_z8 WHEN z <= 10 THEN s.to_z10 ELSE s.to_z12 END,
                                frame, 4096, 64) AS geom
              FROM divisions d LEFT JOIN division_shapes s ON s.division_id = d.id
             WHERE d.valid_to IS NULL AND d.tier <= deepest
               AND d.boundary_web && ST_TileEnvelope(z, x, y, margin => 0.016)
             ORDER BY d.tier, d.code) f
     WHERE geom IS NOT NULL;
    SELECT ST_AsMVT(f, 'labels', 4096, 'geom', 'feature_id') INTO labels
      FROM (SELECT d.id AS feature_id, d.code, d.tier, d.name, d.name_latin, d.synthetic,
                   ST_AsMVTGeom(ST_Transform(coalesce(d.label_point, ST_PointOnSurface(d.boundary)), 3857),
                                frame, 4096, 0) AS geom
              FROM divisions d
             WHERE d.valid_to IS NULL AND d.tier <= deepest AND d.boundary_web && frame
             ORDER BY d.tier, d.code) f
     WHERE geom IS NOT NULL;
    tile := coalesce(polygons, '') || coalesce(labels, '');
END $$;

-- The grid cells of a tile that lie in the reader's divisions, from zoom 12.
CREATE FUNCTION tile_grid_cells(for_user_id bigint, for_roles text[], z integer, x integer, y integer,
    OUT scope text[], OUT tile bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    keys text[];
    frame geometry := ST_TileEnvelope(z, x, y);
BEGIN
    scope := begin_scope(for_user_id, for_roles);
    keys := ground_keys(scope);
    tile := '';
    IF keys = '{}' OR z < 12 THEN
        RETURN;
    END IF;
    SELECT ST_AsMVT(f, 'grid_cells', 4096, 'geom', 'feature_id') INTO tile
      FROM (SELECT c.id AS feature_id, c.code, c.village, c.name, c.synthetic,
                   ST_AsMVTGeom(c.boundary_web, frame, 4096, 64) AS geom
              FROM grid_cells c
             WHERE ARRAY['*', c.village, substr(c.village, 1, 9) || '000', substr(c.village, 1, 6) || '000000'] && keys
               AND c.valid_to IS NULL AND c.boundary_web && ST_TileEnvelope(z, x, y, margin => 0.016)
             ORDER BY c.code) f
     WHERE geom IS NOT NULL;
    tile := coalesce(tile, '');
END $$;

-- The sites of a tile that the reader's keys open, from zoom 13. Flats at one point stay apart: each is a feature.
-- (OFFSET 0 holds the planner to the index on the position: to a key that it does not know it also reads the index on
-- scope_keys, which for '*' holds every site. Over 650,000 sites that made 125 ms of 1.)
CREATE FUNCTION tile_sites(for_user_id bigint, for_roles text[], z integer, x integer, y integer,
    OUT scope text[], OUT tile bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    frame geometry := ST_TileEnvelope(z, x, y);
    box geometry := ST_Transform(ST_TileEnvelope(z, x, y, margin => 0.016), 4326);
BEGIN
    scope := begin_scope(for_user_id, for_roles);
    tile := '';
    IF scope = '{}' OR z < 13 THEN
        RETURN;
    END IF;
    SELECT ST_AsMVT(f, 'sites', 4096, 'geom', 'feature_id') INTO tile
      FROM (SELECT s.id AS feature_id, s.id, s.kind, s.name, s.unit, s.synthetic,
                   ST_AsMVTGeom(ST_Transform(s.position, 3857), frame, 4096, 64) AS geom
              FROM (SELECT * FROM sites WHERE position && box AND retired_at IS NULL OFFSET 0) s
             WHERE scope_keys(s.county, s.township, s.village, s.organisation_id) && scope
             ORDER BY s.id) f
     WHERE geom IS NOT NULL;
    tile := coalesce(tile, '');
END $$;

REVOKE EXECUTE ON FUNCTION tile_divisions(bigint, text[], integer, integer, integer),
    tile_grid_cells(bigint, text[], integer, integer, integer), tile_sites(bigint, text[], integer, integer, integer)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tile_divisions(bigint, text[], integer, integer, integer),
    tile_grid_cells(bigint, text[], integer, integer, integer), tile_sites(bigint, text[], integer, integer, integer)
    TO lianfang_api;
GRANT SELECT ON division_shapes TO lianfang_api, lianfang_intake;

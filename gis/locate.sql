-- name: locate_points
-- Where points are, in their order; all NULL where no polygon covers one.
SELECT l.grid_cell_id, l.grid_cell, l.county, l.township, l.village
  FROM unnest(%(lons)s::float8[], %(lats)s::float8[]) WITH ORDINALITY AS p (lon, lat, n)
  LEFT JOIN LATERAL locate(ST_SetSRID(ST_MakePoint(p.lon, p.lat), 4326)) l ON true
 ORDER BY p.n;

-- name: place_sites
SELECT place_sites(%(ids)s::bigint[]);

-- name: place_devices
SELECT place_devices(%(ids)s::bigint[]);

-- name: where_is
-- A point's cell and tiers with their names, from the city down, as something would be placed that is declared to be in a
-- division; whether the asker may put something there, and whose it then is. NULL in place of what nothing covers.
SELECT json_build_object(
           'grid_cell', CASE WHEN l.grid_cell IS NOT NULL THEN json_build_object('code', l.grid_cell, 'name', c.name) END,
           'county', l.county, 'township', l.township, 'village', l.village,
           'tiers', coalesce((
               SELECT json_agg(json_build_object('tier', d.tier, 'code', d.code, 'name', d.name, 'name_latin', d.name_latin)
                               ORDER BY d.tier)
                 FROM divisions d
                WHERE d.valid_to IS NULL AND d.code IN (%(city)s, l.county, l.township, l.village)
                  AND (d.tier > 1 OR l.county IS NOT NULL)), '[]'),
           'may_place', coalesce(scope_keys(l.county, l.township, l.village, o.id) && current_scope(), false),
           'organisation_id', o.id)::text
  FROM (SELECT ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326) AS point) p
  LEFT JOIN LATERAL place(p.point, %(division)s) l ON true
  LEFT JOIN grid_cells c ON c.id = l.grid_cell_id
 CROSS JOIN LATERAL (SELECT own_organisation(l.county, l.township, l.village)) AS o (id);

-- name: sites_near
SELECT json_build_object('id', s.id, 'kind', s.kind, 'name', s.name, 'address', s.address, 'unit', s.unit,
                         'distance_m', round(n.distance_m::numeric, 1)::float8,
                         'devices', (SELECT count(*) FROM devices d WHERE d.site_id = s.id AND d.status <> 'retired'))::text
  FROM sites_near(ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326), %(within_m)s, %(limit)s) n
  JOIN sites s ON s.id = n.id
 ORDER BY n.distance_m, s.id;

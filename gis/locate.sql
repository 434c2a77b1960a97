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

-- name: lock_grid_cells
-- Cells are drawn by one at a time; readers are not held up.
LOCK TABLE grid_cells IN SHARE ROW EXCLUSIVE MODE;

-- name: villages_to_draw
-- Villages in force below a code, with the highest number that a cell of theirs ever had.
SELECT d.code, ST_AsBinary(d.boundary),
       coalesce((SELECT max(right(c.code, 3)::integer) FROM grid_cells c WHERE c.village = d.code), 0), d.synthetic
  FROM divisions d
 WHERE d.valid_to IS NULL AND d.tier = 4 AND d.code LIKE %(under)s || '%%'
 ORDER BY d.code;

-- name: sites_to_divide
SELECT ST_X(position), ST_Y(position), village
  FROM sites
 WHERE village LIKE %(under)s || '%%' AND position IS NOT NULL AND retired_at IS NULL
 ORDER BY id;

-- name: cells_in_force
SELECT village, ST_AsBinary(boundary) FROM grid_cells
 WHERE valid_to IS NULL AND village LIKE %(under)s || '%%'
 ORDER BY code;

-- name: close_cells
UPDATE grid_cells SET valid_to = current_date WHERE valid_to IS NULL AND village = ANY (%(villages)s);

-- name: copy_cells
COPY grid_cells (code, village, boundary, synthetic) FROM STDIN;

-- name: devices_to_join
SELECT id FROM devices WHERE village LIKE %(under)s || '%%';

-- name: join_sites_again
SELECT coalesce(place_sites(array_agg(id)), 0) FROM sites WHERE village LIKE %(under)s || '%%';

-- name: join_devices_again
SELECT coalesce(place_devices(array_agg(id)), 0) FROM devices WHERE village LIKE %(under)s || '%%';

-- name: new_version
UPDATE layer_versions SET version = version + 1 WHERE layer = ANY (%(layers)s);

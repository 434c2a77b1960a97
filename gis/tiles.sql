-- name: versions
SELECT layer, version FROM layer_versions;

-- name: divisions
SELECT scope, tile FROM tile_divisions(%(user_id)s, %(roles)s, %(z)s, %(x)s, %(y)s);

-- name: grid_cells
SELECT scope, tile FROM tile_grid_cells(%(user_id)s, %(roles)s, %(z)s, %(x)s, %(y)s);

-- name: sites
SELECT scope, tile FROM tile_sites(%(user_id)s, %(roles)s, %(z)s, %(x)s, %(y)s);

-- name: boundaries
SELECT id, tier, ST_AsBinary(boundary_web) FROM divisions
 WHERE valid_to IS NULL AND boundary IS NOT NULL
 ORDER BY tier, code;

-- name: forget_shapes
DELETE FROM division_shapes;

-- name: copy_shapes
COPY division_shapes FROM STDIN;

-- name: new_versions
UPDATE layer_versions SET version = version + 1 WHERE layer = ANY (%(layers)s);

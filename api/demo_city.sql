-- name: staging
-- Where COPY puts the city: it cannot write to tables with row security.
CREATE TEMPORARY TABLE staged_divisions (
    code text, tier smallint, name text, name_latin text, parent text, boundary geometry, synthetic boolean, source text
) ON COMMIT DROP;
CREATE TEMPORARY TABLE staged_cells (code text, village text, boundary geometry) ON COMMIT DROP;
CREATE TEMPORARY TABLE staged_sites (
    n bigint GENERATED ALWAYS AS IDENTITY, ref text, kind text, name text, address text, unit text, lon float8,
    lat float8, village text, organisation bigint, armed jsonb
) ON COMMIT DROP;
CREATE TEMPORARY TABLE staged_contacts (ref text, name text, phone text, relation text, call_order smallint) ON COMMIT DROP;
CREATE TEMPORARY TABLE staged_devices (
    n bigint GENERATED ALWAYS AS IDENTITY, device_id text, kind text, name text, protocol text, ref text, gateway text,
    child text, zone text
) ON COMMIT DROP;

-- name: unstage
DROP TABLE staged_divisions, staged_cells, staged_sites, staged_contacts, staged_devices;

-- name: copy_divisions
COPY staged_divisions FROM STDIN;

-- name: copy_cells
COPY staged_cells FROM STDIN;

-- name: copy_sites
COPY staged_sites (ref, kind, name, address, unit, lon, lat, village, organisation, armed) FROM STDIN;

-- name: copy_contacts
COPY staged_contacts FROM STDIN;

-- name: copy_devices
COPY staged_devices (device_id, kind, name, protocol, ref, gateway, child, zone) FROM STDIN;

-- name: store_divisions
-- What is there stays: an operator may have loaded better boundaries.
INSERT INTO divisions (code, tier, name, name_latin, parent_code, boundary, label_point, synthetic, source)
SELECT code, tier, name, name_latin, parent, boundary, ST_PointOnSurface(boundary), synthetic, source
  FROM staged_divisions ORDER BY tier, code
    ON CONFLICT (code) WHERE valid_to IS NULL DO NOTHING;

-- name: link_parents
UPDATE divisions d SET parent_id = p.id
  FROM divisions p
 WHERE p.code = d.parent_code AND p.valid_to IS NULL AND d.valid_to IS NULL AND d.parent_id IS DISTINCT FROM p.id;

-- name: store_cells
-- Only for villages that have none in force.
INSERT INTO grid_cells (code, village, boundary, synthetic)
SELECT s.code, s.village, s.boundary, true FROM staged_cells s
 WHERE NOT EXISTS (SELECT FROM grid_cells g WHERE g.village = s.village AND g.valid_to IS NULL)
 ORDER BY s.code;

-- name: store_organisation
INSERT INTO organisations (name, kind) VALUES (%(name)s, %(kind)s)
    ON CONFLICT (name) DO UPDATE SET name = excluded.name
RETURNING id;

-- name: analyse_places
ANALYZE divisions; ANALYZE grid_cells; ANALYZE staged_sites;

-- name: store_sites
INSERT INTO sites (external_ref, kind, name, address, unit, position, organisation_id, armed_schedule, synthetic,
                   grid_cell_id, grid_cell, county, township, village)
SELECT s.ref, s.kind, s.name, s.address, s.unit, point, s.organisation, s.armed, true,
       p.grid_cell_id, p.grid_cell, p.county, p.township, p.village
  FROM staged_sites s
 CROSS JOIN LATERAL ST_SetSRID(ST_MakePoint(s.lon, s.lat), 4326) AS point
  LEFT JOIN LATERAL place(point, s.village) p ON true
 ORDER BY s.n
    ON CONFLICT (external_ref) DO NOTHING;

-- name: store_contacts
INSERT INTO contacts (site_id, name, phone, relation, call_order, consent_at)
SELECT s.id, c.name, c.phone, c.relation, c.call_order, now()
  FROM staged_contacts c JOIN sites s ON s.external_ref = c.ref
 WHERE NOT EXISTS (SELECT FROM contacts o WHERE o.site_id = s.id);

-- name: store_devices
-- Gateways first, so that their children find them.
INSERT INTO devices (device_id, kind, name, protocol, gateway_id, external_id, site_id, organisation_id, zone,
                     grid_cell_id, grid_cell, county, township, village)
SELECT d.device_id, d.kind, d.name, d.protocol, g.id, d.child, s.id, s.organisation_id, d.zone,
       s.grid_cell_id, s.grid_cell, s.county, s.township, s.village
  FROM staged_devices d
  JOIN sites s ON s.external_ref = d.ref
  LEFT JOIN devices g ON g.device_id = d.gateway
 WHERE (d.gateway IS NOT NULL) = %(children)s
 ORDER BY d.n
    ON CONFLICT (device_id) DO NOTHING;

-- name: analyse_all
ANALYZE sites; ANALYZE contacts; ANALYZE devices; ANALYZE organisations;

-- name: new_versions
UPDATE layer_versions SET version = version + 1 WHERE layer <> 'divisions';

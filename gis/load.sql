-- name: city
-- The city's bounds, of its own boundary or of all that have one: west, south, east, north.
SELECT ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e)
  FROM (SELECT ST_Extent(boundary) AS e FROM divisions WHERE valid_to IS NULL AND tier <= 2) b
 WHERE e IS NOT NULL;

-- name: organisations
SELECT name, id FROM organisations;

-- name: known_divisions
SELECT code FROM divisions WHERE valid_to IS NULL;

-- name: known_sites
SELECT external_ref, id, retired_at IS NOT NULL FROM sites WHERE external_ref = ANY (%(refs)s);

-- name: known_devices
SELECT d.device_id, d.kind, d.status = 'retired', g.device_id,
       EXISTS (SELECT FROM devices c WHERE c.gateway_id = d.id AND c.status <> 'retired')
  FROM devices d LEFT JOIN devices g ON g.id = d.gateway_id
 WHERE d.device_id = ANY (%(ids)s);

-- name: taken_children
-- Names behind gateways that belong to a device already.
SELECT g.device_id, d.external_id, d.device_id
  FROM devices d JOIN devices g ON g.id = d.gateway_id WHERE g.device_id = ANY (%(gateways)s) AND d.status <> 'retired';

-- name: stage_divisions
CREATE TEMPORARY TABLE staged_load (n bigint, code text, tier smallint, name text, name_latin text) ON COMMIT DROP;

-- name: stage_boundaries
CREATE TEMPORARY TABLE staged_load (n bigint, code text, boundary geometry) ON COMMIT DROP;

-- name: stage_sites
CREATE TEMPORARY TABLE staged_load (
    n bigint, external_ref text, kind text, name text, address text, unit text, lon float8, lat float8, source_crs text,
    village text, organisation_id bigint, contact_name text, contact_phone text, armed_schedule jsonb
) ON COMMIT DROP;

-- name: stage_devices
CREATE TEMPORARY TABLE staged_load (
    n bigint, device_id text, kind text, name text, protocol text, gateway text, external_id text, site_id bigint,
    organisation_id bigint, zone text, lon float8, lat float8, source_crs text
) ON COMMIT DROP;

-- name: copy
COPY staged_load FROM STDIN;

-- name: ready
ANALYZE staged_load;

-- name: doubtful_sites
SELECT i.external_ref FROM staged_load s JOIN sites i ON i.external_ref = s.external_ref
 WHERE s.lon IS NOT NULL AND i.county IS NULL ORDER BY s.n;

-- name: doubtful_devices
SELECT d.device_id FROM staged_load s JOIN devices d ON d.device_id = s.device_id
 WHERE s.lon IS NOT NULL AND d.county IS NULL ORDER BY s.n;

-- name: doubtful_boundaries
-- Held against the nearest division above that has a boundary.
SELECT s.code
  FROM staged_load s JOIN divisions d ON d.code = s.code AND d.valid_to IS NULL
 CROSS JOIN LATERAL (
       SELECT a.boundary FROM divisions a
        WHERE a.valid_to IS NULL AND a.boundary IS NOT NULL AND a.tier < d.tier
          AND a.code IN (substr(d.code, 1, 9) || '000', substr(d.code, 1, 6) || '000000',
                         substr(d.code, 1, 4) || '00000000')
        ORDER BY a.tier DESC LIMIT 1) above
 WHERE NOT ST_Covers(above.boundary, s.boundary)
   AND ST_Area(ST_Difference(s.boundary, above.boundary)) > 0.05 * ST_Area(s.boundary)
 ORDER BY s.n;

-- name: unstage
DROP TABLE staged_load;

-- name: store_divisions
WITH stored AS (
    INSERT INTO divisions AS d (code, tier, name, name_latin, source)
    SELECT code, tier, name, name_latin, %(source)s FROM staged_load ORDER BY tier, code
        ON CONFLICT (code) WHERE valid_to IS NULL DO UPDATE
       SET name = excluded.name, name_latin = coalesce(excluded.name_latin, d.name_latin)
     WHERE (d.name, d.name_latin) IS DISTINCT FROM (excluded.name, coalesce(excluded.name_latin, d.name_latin))
    RETURNING (xmax = 0) AS is_new
)
SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM stored;

-- name: link_parents
UPDATE divisions d SET parent_id = p.id, parent_code = p.code
  FROM divisions p
 WHERE d.valid_to IS NULL AND p.valid_to IS NULL AND p.tier = d.tier - 1
   AND p.code = rpad(substr(d.code, 1, CASE d.tier WHEN 2 THEN 4 WHEN 3 THEN 6 WHEN 4 THEN 9 END), 12, '0')
   AND (d.parent_id, d.parent_code) IS DISTINCT FROM (p.id, p.code);

-- name: names_below
SELECT 1 FROM staged_load WHERE code LIKE %(under)s || '%%' AND code <> %(whole)s LIMIT 1;

-- name: end_divisions
-- Those below a division that the file does not name, with their grid cells.
WITH ended AS (
    UPDATE divisions SET valid_to = current_date
     WHERE valid_to IS NULL AND code LIKE %(under)s || '%%' AND code <> %(whole)s
       AND code NOT IN (SELECT code FROM staged_load)
    RETURNING code
), closed AS (
    UPDATE grid_cells SET valid_to = current_date WHERE valid_to IS NULL AND village IN (SELECT code FROM ended)
)
SELECT code FROM ended ORDER BY code;

-- name: leave_ended_sites
UPDATE sites
   SET county = CASE WHEN county <> ALL (%(codes)s) THEN county END,
       township = CASE WHEN township <> ALL (%(codes)s) THEN township END,
       village = CASE WHEN village <> ALL (%(codes)s) THEN village END, version = version + 1, updated_at = now()
 WHERE county = ANY (%(codes)s) OR township = ANY (%(codes)s) OR village = ANY (%(codes)s);

-- name: leave_ended_devices
UPDATE devices
   SET county = CASE WHEN county <> ALL (%(codes)s) THEN county END,
       township = CASE WHEN township <> ALL (%(codes)s) THEN township END,
       village = CASE WHEN village <> ALL (%(codes)s) THEN village END, version = version + 1, updated_at = now()
 WHERE county = ANY (%(codes)s) OR township = ANY (%(codes)s) OR village = ANY (%(codes)s);

-- name: users_of_ended
SELECT count(DISTINCT user_id) FROM grants WHERE division_code = ANY (%(codes)s);

-- name: store_boundaries
-- Grid cells of a village whose boundary is another one now do not fit any more: they are closed.
WITH stored AS (
    UPDATE divisions d
       SET boundary = s.boundary, label_point = ST_PointOnSurface(s.boundary), synthetic = false, source = %(source)s
      FROM staged_load s, divisions o
     WHERE d.code = s.code AND d.valid_to IS NULL AND o.id = d.id
       AND (d.boundary IS NULL OR d.synthetic OR NOT ST_OrderingEquals(d.boundary, s.boundary))
    RETURNING d.code, o.boundary IS NULL AS is_new
), closed AS (
    UPDATE grid_cells SET valid_to = current_date
     WHERE valid_to IS NULL AND village IN (SELECT code FROM stored WHERE NOT is_new)
)
SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM stored;

-- name: lock_sites
-- Nobody changes them from here to the end.
SELECT FROM sites i JOIN staged_load s ON s.external_ref = i.external_ref ORDER BY i.id FOR NO KEY UPDATE OF i;

-- name: devices_of_sites
SELECT d.id FROM staged_load s JOIN sites i ON i.external_ref = s.external_ref JOIN devices d ON d.site_id = i.id;

-- name: store_sites
-- A site that is there already is written only where something differs; what the file has no column for stays as it is.
-- Its tiers follow from where it stands now. (Beside what writes them, sites are read as they were before.)
WITH stored AS (
    INSERT INTO sites AS o (external_ref, kind, name, address, unit, position, source_crs, organisation_id,
                            armed_schedule, grid_cell_id, grid_cell, county, township, village)
    SELECT s.external_ref, s.kind, s.name,
           CASE WHEN 'address' = ANY (%(given)s) THEN s.address ELSE coalesce(b.address, '') END,
           CASE WHEN 'unit' = ANY (%(given)s) THEN s.unit ELSE coalesce(b.unit, '') END,
           point, CASE WHEN 'position' = ANY (%(given)s) THEN s.source_crs ELSE coalesce(b.source_crs, s.source_crs) END,
           CASE WHEN 'organisation' = ANY (%(given)s) THEN s.organisation_id ELSE b.organisation_id END,
           CASE WHEN 'armed' = ANY (%(given)s) THEN s.armed_schedule ELSE b.armed_schedule END,
           p.grid_cell_id, p.grid_cell, p.county, p.township, p.village
      FROM staged_load s
      LEFT JOIN sites b ON b.external_ref = s.external_ref
     CROSS JOIN LATERAL (SELECT CASE WHEN 'position' = ANY (%(given)s) THEN ST_SetSRID(ST_MakePoint(s.lon, s.lat), 4326)
                                     ELSE b.position END) q (point)
      LEFT JOIN LATERAL place(point, CASE WHEN 'village' = ANY (%(given)s) THEN s.village
                                          ELSE coalesce(b.village, b.township, b.county) END) p ON true
     ORDER BY s.n
        ON CONFLICT (external_ref) DO UPDATE
       SET kind = excluded.kind, name = excluded.name, address = excluded.address, unit = excluded.unit,
           position = excluded.position, source_crs = excluded.source_crs, organisation_id = excluded.organisation_id,
           armed_schedule = excluded.armed_schedule, grid_cell_id = excluded.grid_cell_id, grid_cell = excluded.grid_cell, county = excluded.county,
           township = excluded.township, village = excluded.village, version = o.version + 1, updated_at = now()
     WHERE (o.kind, o.name, o.address, o.unit, o.position::bytea, o.source_crs, o.organisation_id,
            o.armed_schedule, o.grid_cell_id, o.county, o.township, o.village)
           IS DISTINCT FROM
           (excluded.kind, excluded.name, excluded.address, excluded.unit, excluded.position::bytea, excluded.source_crs,
            excluded.organisation_id, excluded.armed_schedule, excluded.grid_cell_id, excluded.county,
            excluded.township, excluded.village)
    RETURNING id, (xmax = 0) AS is_new, kind, name, address, unit
)
INSERT INTO stored_load (id, is_new, shown)
SELECT n.id, n.is_new, (n.kind, n.name, n.address, n.unit) <> (b.kind, b.name, b.address, b.unit)
  FROM stored n LEFT JOIN sites b ON b.id = n.id;

-- name: correct_contacts
-- Another number under the same name is that person's new number: the old one must not be called any more.
WITH corrected AS (
    UPDATE contacts c SET phone = s.contact_phone
      FROM staged_load s JOIN sites i ON i.external_ref = s.external_ref
     WHERE c.id = (SELECT o.id FROM contacts o WHERE o.site_id = i.id AND o.name = s.contact_name
                    ORDER BY o.call_order, o.id LIMIT 1)
       AND NOT EXISTS (SELECT FROM contacts o WHERE o.site_id = i.id AND o.phone = s.contact_phone)
    RETURNING c.site_id
)
INSERT INTO stored_load (id, is_new)
SELECT site_id, false FROM corrected WHERE site_id NOT IN (SELECT id FROM stored_load);

-- name: add_contacts
WITH added AS (
    INSERT INTO contacts (site_id, name, phone, call_order)
    SELECT i.id, s.contact_name, s.contact_phone,
           1 + coalesce((SELECT max(c.call_order) FROM contacts c WHERE c.site_id = i.id), 0)
      FROM staged_load s JOIN sites i ON i.external_ref = s.external_ref
     WHERE s.contact_phone IS NOT NULL
       AND NOT EXISTS (SELECT FROM contacts c WHERE c.site_id = i.id AND c.phone = s.contact_phone)
     ORDER BY s.n
    RETURNING site_id
)
INSERT INTO stored_load (id, is_new)
SELECT site_id, false FROM added WHERE site_id NOT IN (SELECT id FROM stored_load);

-- name: place_devices_of_sites
SELECT place_devices(coalesce(array_agg(d.id), '{}'))
  FROM stored_load l JOIN devices d ON d.site_id = l.id
 WHERE NOT l.is_new;

-- name: shown_sites
SELECT id FROM stored_load WHERE shown;

-- name: loaded_devices
SELECT d.id FROM staged_load s JOIN devices d ON d.device_id = s.device_id;

-- name: store_devices
-- Those that speak for themselves first, so that what speaks through them finds them. What the file has no column for
-- stays as it is; a new device without an organisation of its own has its site's.
WITH stored AS (
    INSERT INTO devices AS o (device_id, kind, name, protocol, gateway_id, external_id, site_id, organisation_id, zone,
                              position, source_crs)
    SELECT s.device_id, s.kind,
           CASE WHEN 'name' = ANY (%(given)s) THEN s.name ELSE coalesce(b.name, '') END,
           CASE WHEN 'protocol' = ANY (%(given)s) THEN s.protocol ELSE coalesce(b.protocol, s.protocol) END,
           CASE WHEN 'gateway' = ANY (%(given)s) THEN g.id ELSE b.gateway_id END,
           CASE WHEN 'gateway' = ANY (%(given)s) THEN s.external_id ELSE b.external_id END,
           i.id,
           CASE WHEN 'organisation' = ANY (%(given)s) OR b.id IS NULL THEN coalesce(s.organisation_id, i.organisation_id)
                ELSE b.organisation_id END,
           CASE WHEN 'zone' = ANY (%(given)s) THEN s.zone ELSE coalesce(b.zone, '') END,
           CASE WHEN 'position' = ANY (%(given)s) THEN ST_SetSRID(ST_MakePoint(s.lon, s.lat), 4326) ELSE b.position END,
           CASE WHEN 'position' = ANY (%(given)s) THEN s.source_crs ELSE coalesce(b.source_crs, s.source_crs) END
      FROM staged_load s
      LEFT JOIN devices b ON b.device_id = s.device_id
      LEFT JOIN devices g ON g.device_id = s.gateway
      LEFT JOIN sites i ON i.id = CASE WHEN 'site' = ANY (%(given)s) THEN s.site_id ELSE b.site_id END
     WHERE (s.gateway IS NOT NULL) = %(children)s
     ORDER BY s.n
        ON CONFLICT (device_id) DO UPDATE
       SET kind = excluded.kind, name = excluded.name, protocol = excluded.protocol, gateway_id = excluded.gateway_id,
           external_id = excluded.external_id, site_id = excluded.site_id,
           organisation_id = excluded.organisation_id, zone = excluded.zone, position = excluded.position,
           source_crs = excluded.source_crs, version = o.version + 1, updated_at = now(),
           moved_at = CASE WHEN (o.site_id, o.position::bytea) IS DISTINCT FROM (excluded.site_id, excluded.position::bytea)
                           THEN now() ELSE o.moved_at END
     WHERE (o.kind, o.name, o.protocol, o.gateway_id, o.external_id, o.site_id, o.organisation_id, o.zone,
            o.position::bytea, o.source_crs)
           IS DISTINCT FROM
           (excluded.kind, excluded.name, excluded.protocol, excluded.gateway_id, excluded.external_id, excluded.site_id,
            excluded.organisation_id, excluded.zone, excluded.position::bytea, excluded.source_crs)
    RETURNING id, (xmax = 0) AS is_new
)
INSERT INTO stored_load (id, is_new) SELECT id, is_new FROM stored;

-- name: stored_ids
-- shown: whether open incidents show it otherwise than before.
CREATE TEMPORARY TABLE stored_load (id bigint, is_new boolean, shown boolean) ON COMMIT DROP;

-- name: new_ids
SELECT id FROM stored_load WHERE is_new;

-- name: place_stored_devices
SELECT place_devices(coalesce(array_agg(id), '{}')) FROM stored_load;

-- name: device_history
INSERT INTO device_history (device_id, action, reason, after)
SELECT d.id, CASE WHEN l.is_new THEN 'registered' ELSE 'changed' END, %(source)s,
       jsonb_build_object('kind', d.kind, 'site_id', d.site_id, 'position', lon_lat(d.position),
                          'organisation_id', d.organisation_id, 'gateway_id', d.gateway_id)
  FROM stored_load l JOIN devices d ON d.id = l.id;

-- name: count_stored
SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM stored_load;

-- name: forget_stored
DROP TABLE stored_load;

-- name: place_all
-- After boundaries have changed: what stands on the ground is joined again.
SELECT (SELECT place_sites(array_agg(id)) FROM sites);

-- name: place_all_devices
SELECT (SELECT place_devices(array_agg(id)) FROM devices);

-- name: new_versions
UPDATE layer_versions SET version = version + 1 WHERE layer = ANY (%(layers)s);

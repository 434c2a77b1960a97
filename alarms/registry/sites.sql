-- name: document
SELECT document::text FROM site_documents WHERE id = %(id)s;

-- name: page
-- A page of sites by id: the function applies scope and filters, row security the scope once more.
SELECT d.id, d.document::text
  FROM list_sites(CASE WHEN %(w)s::float8 IS NOT NULL THEN ST_MakeEnvelope(%(w)s, %(s)s, %(e)s, %(n)s, 4326) END,
                  %(division)s::text, %(kinds)s::text[], %(q)s::text, %(retired)s::boolean, %(after)s::bigint,
                  %(limit)s::bigint) AS l (id)
  JOIN site_documents d ON d.id = l.id
 ORDER BY d.id;

-- name: count
SELECT count(*)
  FROM list_sites(CASE WHEN %(w)s::float8 IS NOT NULL THEN ST_MakeEnvelope(%(w)s, %(s)s, %(e)s, %(n)s, 4326) END,
                  %(division)s::text, %(kinds)s::text[], %(q)s::text, %(retired)s::boolean, 0, NULL);

-- name: lock
SELECT id, version, kind, name, address, unit, organisation_id, armed_schedule, armed_override, external_ref, retired_at
  FROM sites WHERE id = %(id)s FOR NO KEY UPDATE;

-- name: insert
-- Joined to its cell and tiers before it is written, so that row security sees where it stands.
INSERT INTO sites (kind, name, address, unit, organisation_id, armed_schedule, armed_override, external_ref,
                   position, source_crs, grid_cell_id, grid_cell, county, township, village)
SELECT %(kind)s, %(name)s, %(address)s, %(unit)s, %(organisation_id)s, %(armed_schedule)s, %(armed_override)s,
       %(external_ref)s, p.point, %(source_crs)s, l.grid_cell_id, l.grid_cell, l.county, l.township, l.village
  FROM (SELECT ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326) AS point) p
  LEFT JOIN LATERAL place(p.point, %(division)s) l ON true
RETURNING id;

-- name: update
-- Placed anew when that is asked; what was declared before stands where neither point nor division contradict it.
UPDATE sites s
   SET kind = %(kind)s, name = %(name)s, address = %(address)s, unit = %(unit)s, organisation_id = %(organisation_id)s,
       armed_schedule = %(armed_schedule)s, armed_override = %(armed_override)s, external_ref = %(external_ref)s,
       position = CASE WHEN %(placing)s THEN p.point ELSE s.position END,
       source_crs = CASE WHEN %(placing)s AND NOT %(keeps_point)s THEN %(source_crs)s ELSE s.source_crs END,
       grid_cell_id = CASE WHEN %(placing)s THEN l.grid_cell_id ELSE s.grid_cell_id END,
       grid_cell = CASE WHEN %(placing)s THEN l.grid_cell ELSE s.grid_cell END,
       county = CASE WHEN %(placing)s THEN l.county ELSE s.county END,
       township = CASE WHEN %(placing)s THEN l.township ELSE s.township END,
       village = CASE WHEN %(placing)s THEN l.village ELSE s.village END,
       version = s.version + 1, updated_at = now()
  FROM sites o
 CROSS JOIN LATERAL (SELECT CASE WHEN %(keeps_point)s THEN o.position
                                 ELSE ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326) END AS point) p
  LEFT JOIN LATERAL place(p.point, coalesce(%(division)s, o.village, o.township, o.county)) l ON true
 WHERE o.id = %(id)s AND s.id = o.id
RETURNING s.id;

-- name: move_devices
SELECT move_devices_of_site(%(id)s, %(now)s);

-- name: append_site_changes
SELECT append_site_changes(%(id)s, %(now)s);

-- name: device_in_use
SELECT device_id FROM devices WHERE site_id = %(id)s AND status <> 'retired' ORDER BY id LIMIT 1;

-- name: devices_out_of_sight
SELECT devices_out_of_sight(NULL, %(id)s);

-- name: retire
UPDATE sites SET retired_at = %(now)s, version = version + 1, updated_at = now() WHERE id = %(id)s;

-- name: new_tiles
-- What the map's tiles of sites show has changed: no cache may serve the old ones.
UPDATE layer_versions SET version = version + 1 WHERE layer = 'sites';

-- name: contacts
-- Whom to call, masked.
SELECT json_build_object('id', c.id, 'name', c.name, 'relation', c.relation, 'call_order', c.call_order,
                         'phone_masked', c.phone_masked, 'consent_at', c.consent_at,
                         'consent_by', CASE WHEN u.id IS NOT NULL
                                            THEN json_build_object('id', u.id, 'name', u.display_name) END)::text
  FROM contacts c LEFT JOIN users u ON u.id = c.consent_by_user
 WHERE c.site_id = %(id)s ORDER BY c.call_order, c.id;

-- name: contact
SELECT json_build_object('id', c.id, 'name', c.name, 'relation', c.relation, 'call_order', c.call_order,
                         'phone_masked', c.phone_masked, 'consent_at', c.consent_at,
                         'consent_by', CASE WHEN u.id IS NOT NULL
                                            THEN json_build_object('id', u.id, 'name', u.display_name) END)::text
  FROM contacts c LEFT JOIN users u ON u.id = c.consent_by_user
 WHERE c.site_id = %(site_id)s AND c.id = %(id)s;

-- name: insert_contact
INSERT INTO contacts (site_id, name, phone, relation, call_order, consent_at, consent_by_user)
VALUES (%(site_id)s, %(name)s, %(phone)s, %(relation)s, %(call_order)s, %(consent_at)s, %(consent_by_user)s)
RETURNING id;

-- name: lock_contact
SELECT id, site_id, name, relation, call_order, consent_at, consent_by_user
  FROM contacts WHERE site_id = %(site_id)s AND id = %(id)s FOR UPDATE;

-- name: update_contact
UPDATE contacts SET name = %(name)s, relation = %(relation)s, call_order = %(call_order)s, consent_at = %(consent_at)s,
                    consent_by_user = %(consent_by_user)s
 WHERE id = %(id)s;

-- name: update_phone
UPDATE contacts SET phone = %(phone)s WHERE id = %(id)s;

-- name: delete_contact
DELETE FROM contacts WHERE site_id = %(site_id)s AND id = %(id)s;

-- name: reveal
SELECT reveal_contact(%(site_id)s, %(id)s, %(reason)s);

-- name: organisation_is_there
SELECT 1 FROM organisations WHERE id = %(id)s;

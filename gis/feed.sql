-- name: watched
CREATE TEMPORARY TABLE watched_devices (id bigint, version integer, keys text[], shown text, stands bytea)
    ON COMMIT DROP;

-- name: watch
INSERT INTO watched_devices
SELECT d.id, d.version, array_remove(scope_keys(d.county, d.township, d.village, d.organisation_id), NULL),
       d.kind || ' ' || d.name, coalesce(d.position, s.position)::bytea
  FROM devices d LEFT JOIN sites s ON s.id = d.site_id
 WHERE %(ids)s::bigint[] IS NULL OR d.id = ANY (%(ids)s)
 ORDER BY d.id FOR NO KEY UPDATE OF d;

-- name: watch_new
INSERT INTO watched_devices (id, version) SELECT unnest(%(ids)s::bigint[]), 0;

-- name: tell_shown
SELECT append_shown_changes(
           %(sites)s::bigint[],
           ARRAY(SELECT d.id FROM watched_devices w JOIN devices d ON d.id = w.id WHERE w.shown <> d.kind || ' ' || d.name),
           clock_timestamp());

-- name: tell_devices
-- Those with another version, and those that stand elsewhere because their site does. In portions, for memory's sake.
SELECT append_device_moves(jsonb_agg(jsonb_build_object('id', id, 'old_keys', keys) ORDER BY id), clock_timestamp())
  FROM (SELECT w.id, w.keys, (row_number() OVER (ORDER BY w.id) - 1) / 10000 AS portion
          FROM watched_devices w JOIN devices d ON d.id = w.id LEFT JOIN sites s ON s.id = d.site_id
         WHERE d.version <> w.version OR coalesce(d.position, s.position)::bytea IS DISTINCT FROM w.stands) t
 GROUP BY portion;

-- name: forget
DROP TABLE watched_devices;

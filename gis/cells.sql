-- name: cells_after
SELECT json_build_object(
           'type', 'Feature', 'id', code, 'geometry', ST_AsGeoJSON(boundary, 6)::json,
           'properties', json_build_object('code', code, 'village', village, 'name', name, 'synthetic', synthetic))::text
  FROM grid_cells
 WHERE valid_to IS NULL AND code > %(after)s
   AND (%(prefix)s::text IS NULL OR starts_with(village, %(prefix)s))
   AND (%(w)s::float8 IS NULL OR boundary && ST_MakeEnvelope(%(w)s, %(s)s, %(e)s, %(n)s, 4326))
   AND (%(q)s::text IS NULL OR strpos(lower(name), lower(%(q)s)) > 0 OR starts_with(code, %(q)s))
 ORDER BY code LIMIT %(limit)s;

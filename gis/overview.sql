-- name: city
-- The top tier, whether anything below it was drawn by us, and the versions of the static layers.
SELECT d.name, coalesce(NULLIF(ARRAY[ST_XMin(b), ST_YMin(b), ST_XMax(b), ST_YMax(b)], '{NULL,NULL,NULL,NULL}'), NULL)
           AS bounds,
       EXISTS (SELECT 1 FROM divisions WHERE synthetic AND valid_to IS NULL) AS synthetic,
       (SELECT json_object_agg(layer, version) FROM layer_versions) AS layer_versions
  FROM (SELECT ST_Extent(boundary)::geometry AS b FROM divisions WHERE valid_to IS NULL AND tier <= 2) extent
  LEFT JOIN divisions d ON d.code = %(code)s AND d.valid_to IS NULL;

-- name: divisions
-- Divisions in force, by code, from behind a cursor.
SELECT code, tier, name, name_latin, parent_code, boundary IS NOT NULL AS has_boundary, synthetic,
       lon_lat(coalesce(label_point, ST_PointOnSurface(boundary))) AS label_point,
       CASE WHEN boundary IS NOT NULL THEN
           ARRAY[ST_XMin(boundary), ST_YMin(boundary), ST_XMax(boundary), ST_YMax(boundary)] END AS bounds
  FROM divisions
 WHERE valid_to IS NULL AND code > %(after)s AND (%(tier)s::smallint IS NULL OR tier = %(tier)s)
   AND (%(prefix)s::text IS NULL OR code LIKE %(prefix)s || '%%')
   AND (%(q)s::text IS NULL OR strpos(lower(name || ' ' || coalesce(name_latin, '')), lower(%(q)s)) > 0)
 ORDER BY code
 LIMIT %(limit)s;

-- name: boundary
-- A division's boundary as GeoJSON, simplified to about 10 m.
SELECT code, tier, name, synthetic, ST_AsGeoJSON(ST_SimplifyPreserveTopology(boundary, 0.0001), 6)::json AS geometry
  FROM divisions WHERE valid_to IS NULL AND code = %(code)s;

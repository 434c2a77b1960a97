-- name: last_seq
SELECT last_seq FROM feed_position;

-- name: oldest_seq
-- The oldest change that is kept.
SELECT min(seq) FROM changes;

-- name: changes_after
SELECT seq, at, kind, object_id, version, scope_keys, old_keys, document::text
  FROM changes WHERE seq > %(after)s ORDER BY seq LIMIT %(limit)s;

-- name: snapshot
-- Everything open, as row security lets this reader see it, and the number of the last change in it.
SELECT (SELECT last_seq FROM feed_position),
       (SELECT coalesce(json_agg(document), '[]')::text FROM incident_documents WHERE open),
       (SELECT coalesce(json_agg(document), '[]')::text FROM alarm_documents WHERE open);

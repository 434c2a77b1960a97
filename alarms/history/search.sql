-- name: open_search
INSERT INTO searches (user_id, purpose, query, expires_at)
VALUES (%(user_id)s, %(purpose)s, %(query)s, %(expires_at)s)
RETURNING id, at, purpose, query, expires_at;

-- name: search
-- One of the user's own, while it lasts: row security shows no other.
SELECT id, at, purpose, query, expires_at FROM searches WHERE id = %(id)s AND expires_at > %(now)s;

-- name: found_ids
-- Ids in the order of the answer; what may be found is search_incidents' business (0015_history.sql).
SELECT id FROM search_incidents(ST_SetSRID(ST_GeomFromWKB(%(area)s), 4326), %(division)s::text, %(since)s::timestamptz,
                     %(until)s::timestamptz, %(zone)s::text, %(from_minute)s::integer, %(to_minute)s::integer,
                     %(categories)s::text[], %(dispositions)s::text[], %(priorities)s::smallint[], %(states)s::text[],
                     %(text)s::text, %(only_id)s::bigint, %(after_at)s::timestamptz, %(after_id)s::bigint,
                     %(most)s::bigint) AS f (id);

-- name: documents
-- As lists and the feed show them, in the order of the answer.
SELECT i.id, i.opened_at, d.document::text
  FROM incidents i JOIN incident_documents d ON d.id = i.id
 WHERE i.id = ANY (%(ids)s::bigint[])
 ORDER BY i.opened_at DESC, i.id DESC;

-- name: cases
-- Each with its timeline, which is for who sees the incident, and how many lines that has.
SELECT json_build_object('incident', d.document, 'entries', t.entries)::text, t.n
  FROM incidents i JOIN incident_documents d ON d.id = i.id
 CROSS JOIN LATERAL (
       SELECT coalesce(json_agg(json_build_object(
                  'at', e.at, 'kind', e.kind, 'text', e.text, 'details', e.details, 'user', u.display_name,
                  'handler', h.display_name) ORDER BY e.id), '[]') AS entries, count(*) AS n
         FROM incident_entries e LEFT JOIN users u ON u.id = e.user_id
         LEFT JOIN users h ON e.kind = 'handed_over' AND h.id = (e.details ->> 'after')::bigint
        WHERE e.incident_id = i.id) t
 WHERE i.id = ANY (%(ids)s::bigint[])
 ORDER BY i.opened_at DESC, i.id DESC;

-- name: division_names
SELECT code, name FROM divisions WHERE valid_to IS NULL AND (%(code)s::text IS NULL OR code = %(code)s);

-- name: write
INSERT INTO audit_log (user_id, username, action, object, reason, details)
VALUES (%(user_id)s, %(username)s, %(action)s, %(object)s, %(reason)s, %(details)s);

-- name: verify_chain
SELECT lines, broken_at, newest_seq, newest_hash FROM verify_audit_chain(%(seq)s, %(hash)s);

-- name: page
-- Newest first. Row security shows it to those whose scope is the whole installation.
SELECT seq, json_build_object('seq', seq, 'at', at, 'user_id', user_id, 'username', username, 'action', action,
                              'object', object, 'reason', reason, 'details', details)::text
  FROM audit_log
 WHERE (%(before)s::bigint IS NULL OR seq < %(before)s)
   AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)
   AND (%(until)s::timestamptz IS NULL OR at < %(until)s)
   AND (%(action)s::text IS NULL OR action = %(action)s)
   AND (%(username)s::text IS NULL OR username = %(username)s)
 ORDER BY seq DESC LIMIT %(limit)s;

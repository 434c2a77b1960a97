-- name: password_of
SELECT user_id, password_hash FROM password_of(%(username)s);

-- name: open_session
INSERT INTO sessions (token_hash, user_id, kind, expires_at) VALUES (%(token_hash)s, %(user_id)s, %(kind)s, %(expires_at)s);

-- name: close_session
DELETE FROM sessions WHERE token_hash = %(token_hash)s;

-- name: audit
-- One line of the audit log; number, time and chain are made by the database.
INSERT INTO audit_log (user_id, username, action, object, reason, details)
VALUES (%(user_id)s, %(username)s, %(action)s, %(object)s, %(reason)s, %(details)s);

-- name: users
-- A page of the users whose grants all lie in the asker's scope.
SELECT u.id, json_build_object(
           'id', u.id, 'username', u.username, 'display_name', u.display_name, 'phone', u.phone, 'locale', u.locale,
           'disabled_at', u.disabled_at, 'created_at', u.created_at,
           'grants', (SELECT coalesce(json_agg(json_build_object(
                          'id', g.id, 'role', g.role, 'division_code', g.division_code, 'division_name', d.name,
                          'organisation_id', g.organisation_id, 'granted_at', g.granted_at) ORDER BY g.id), '[]')
                        FROM grants g LEFT JOIN divisions d ON d.code = g.division_code AND d.valid_to IS NULL
                       WHERE g.user_id = u.id))::text
  FROM users u
 WHERE u.id > %(after)s AND (%(q)s::text IS NULL OR strpos(lower(u.username || ' ' || u.display_name), lower(%(q)s)) > 0)
   AND user_in_scope(u.id)
 ORDER BY u.id LIMIT %(limit)s;

-- name: user
SELECT json_build_object(
           'id', u.id, 'username', u.username, 'display_name', u.display_name, 'phone', u.phone, 'locale', u.locale,
           'disabled_at', u.disabled_at, 'created_at', u.created_at,
           'grants', (SELECT coalesce(json_agg(json_build_object(
                          'id', g.id, 'role', g.role, 'division_code', g.division_code, 'division_name', d.name,
                          'organisation_id', g.organisation_id, 'granted_at', g.granted_at) ORDER BY g.id), '[]')
                        FROM grants g LEFT JOIN divisions d ON d.code = g.division_code AND d.valid_to IS NULL
                       WHERE g.user_id = u.id))::text
  FROM users u WHERE u.id = %(id)s AND user_in_scope(u.id);

-- name: lock_user
SELECT id, username, display_name, phone, locale FROM users WHERE id = %(id)s AND user_in_scope(id) FOR NO KEY UPDATE;

-- name: insert_user
INSERT INTO users (username, display_name, password_hash, phone, locale)
VALUES (%(username)s, %(display_name)s, %(password_hash)s, %(phone)s, %(locale)s)
RETURNING id;

-- name: update_user
UPDATE users SET display_name = %(display_name)s, phone = %(phone)s, locale = %(locale)s WHERE id = %(id)s;

-- name: append_renamed
SELECT append_user_renamed(%(id)s, %(now)s);

-- name: set_password
UPDATE users SET password_hash = %(password_hash)s WHERE id = %(id)s;

-- name: set_disabled
UPDATE users SET disabled_at = %(at)s WHERE id = %(id)s;

-- name: end_sessions
DELETE FROM sessions WHERE user_id = %(id)s;

-- name: division_is_there
SELECT 1 FROM divisions WHERE code = %(code)s AND valid_to IS NULL;

-- name: give
INSERT INTO grants (user_id, role, division_code, organisation_id, granted_by)
VALUES (%(user_id)s, %(role)s, %(division_code)s, %(organisation_id)s, %(granted_by)s)
    ON CONFLICT DO NOTHING
RETURNING id;

-- name: same_grant
SELECT id FROM grants
 WHERE user_id = %(user_id)s AND role = %(role)s AND division_code IS NOT DISTINCT FROM %(division_code)s
   AND organisation_id IS NOT DISTINCT FROM %(organisation_id)s;

-- name: take
DELETE FROM grants WHERE user_id = %(user_id)s AND id = %(id)s RETURNING role, division_code, organisation_id;

-- name: organisations
SELECT id, json_build_object('id', id, 'name', name, 'kind', kind, 'phone', phone)::text
  FROM organisations
 WHERE id > %(after)s AND (%(q)s::text IS NULL OR strpos(lower(name), lower(%(q)s)) > 0)
   AND (%(kinds)s::text[] IS NULL OR kind = ANY (%(kinds)s))
 ORDER BY id LIMIT %(limit)s;

-- name: organisation
SELECT id, name, kind, phone FROM organisations WHERE id = %(id)s;

-- name: insert_organisation
INSERT INTO organisations (name, kind, phone) VALUES (%(name)s, %(kind)s, %(phone)s) RETURNING id;

-- name: update_organisation
UPDATE organisations SET name = %(name)s, kind = %(kind)s, phone = %(phone)s WHERE id = %(id)s RETURNING id;

-- name: may_handle
SELECT may_handle(%(user_id)s, %(incident_id)s, %(roles)s);

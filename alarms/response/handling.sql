-- name: reveal_caller
SELECT name, phone FROM reveal_caller(%(incident_id)s, %(reason)s);

-- name: may_handle
SELECT may_handle(%(user_id)s, %(incident_id)s, %(roles)s);

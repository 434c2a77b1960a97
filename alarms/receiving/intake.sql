-- name: stored_packets
-- Packets of this session that were stored by its last batches.
SELECT packet_ids, digests FROM stored_packets WHERE session = %(session)s;

-- name: remember_packets
-- This batch's packets, in case their acknowledgement gets lost.
INSERT INTO stored_packets (session, packet_ids, digests, stored_at)
VALUES (%(session)s, %(packet_ids)s::integer[], %(digests)s::bigint[], %(now)s);

-- name: forget_packets
-- Keep what covers at least the newest `keep` packets of a session; a broker never holds more unacknowledged.
DELETE FROM stored_packets p
 USING (SELECT id, sum(cardinality(packet_ids)) OVER (ORDER BY id DESC) AS newer_and_own
          FROM stored_packets WHERE session = %(session)s) s
 WHERE p.id = s.id AND s.newer_and_own - cardinality(p.packet_ids) >= %(keep)s;

-- name: protocols_of
-- Which protocol these publishers speak.
SELECT device_id, protocol FROM devices WHERE device_id = ANY (%(publishers)s) AND status <> 'retired';

-- name: devices
-- The speakers of a batch: publishers that speak for themselves, and what speaks through gateways.
SELECT d.device_id AS publisher, NULL AS child, d.id, d.device_id, d.status, d.test_until, d.moved_at, d.zone, d.site_id,
       d.organisation_id, d.county, d.township, d.village, d.grid_cell, s.armed_schedule, s.armed_override
  FROM devices d LEFT JOIN sites s ON s.id = d.site_id
 WHERE d.device_id = ANY (ARRAY(SELECT json_array_elements_text(%(alone)s::json)))
UNION ALL
SELECT g.device_id, d.external_id, d.id, d.device_id, d.status, d.test_until, d.moved_at, d.zone, d.site_id,
       d.organisation_id, d.county, d.township, d.village, d.grid_cell, s.armed_schedule, s.armed_override
  FROM json_to_recordset(%(through)s::json) AS k (gateway text, child text)
  JOIN devices g ON g.device_id = k.gateway
  JOIN devices d ON d.gateway_id = g.id AND d.external_id = k.child AND d.status <> 'retired'
  LEFT JOIN sites s ON s.id = d.site_id;

-- name: locate
-- Where points are: grid cell and tiers, for signals that bring their own position.
SELECT l.county, l.township, l.village, l.grid_cell
  FROM unnest(%(lons)s::float8[], %(lats)s::float8[]) WITH ORDINALITY AS p (lon, lat, n)
  LEFT JOIN LATERAL locate(ST_SetSRID(ST_MakePoint(p.lon, p.lat), 4326)) l ON true
 ORDER BY p.n;

-- name: claim_message_ids
-- Remember devices' own message ids; what comes back was stored before.
WITH given AS MATERIALIZED (
    SELECT device_id, message_id FROM json_to_recordset(%(ids)s::json) AS m (device_id bigint, message_id text)
), new AS (
    INSERT INTO message_ids (device_id, message_id, expires_at)
    SELECT device_id, message_id, %(expires_at)s FROM given ORDER BY device_id, message_id
        ON CONFLICT DO NOTHING
    RETURNING device_id, message_id
)
SELECT device_id, message_id FROM given EXCEPT SELECT device_id, message_id FROM new;

-- name: staging
-- Where COPY puts a batch (it cannot write to tables with row security); empty again at each commit.
CREATE TEMPORARY TABLE IF NOT EXISTS staged_raw (
    id bigint, received_at timestamptz, source text, topic text, payload bytea, flags smallint, outcome text, reason text
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS staged_signals (
    id bigint, received_at timestamptz, raw_id bigint, device_id bigint, site_id bigint, grid_cell text, county text,
    township text, village text, organisation_id bigint, event text, category text, priority smallint, qualifier text,
    zone text, partition text, occurred_at timestamptz, message_id text, lon double precision, lat double precision,
    battery_percent real, rssi_dbm real, text text, details text, judgement text, alarm_id bigint, online boolean
) ON COMMIT DELETE ROWS;

-- name: copy_raw
COPY staged_raw FROM STDIN;

-- name: copy_signals
COPY staged_signals FROM STDIN;

-- name: store_raw
INSERT INTO raw_messages (id, received_at, source, topic, payload, flags, outcome, reason)
SELECT id, received_at, source, topic, payload, flags, outcome, reason FROM staged_raw;

-- name: store_signals
INSERT INTO signals (id, received_at, raw_id, device_id, site_id, grid_cell, county, township, village, organisation_id,
                     event, category, priority, qualifier, zone, partition, occurred_at, message_id, position,
                     battery_percent, rssi_dbm, text, details, judgement, alarm_id)
SELECT id, received_at, raw_id, device_id, site_id, grid_cell, county, township, village, organisation_id,
       event, category, priority, qualifier, zone, partition, occurred_at, message_id,
       CASE WHEN lon IS NOT NULL THEN ST_SetSRID(ST_MakePoint(lon, lat), 4326) END,
       battery_percent, rssi_dbm, text, details::jsonb, judgement, alarm_id
  FROM staged_signals;

-- name: link_pictures
-- What a camera's picture belongs to. By device and message: no device can claim another's picture.
UPDATE evidence e SET alarm_id = s.alarm_id
  FROM staged_signals s
 WHERE s.alarm_id IS NOT NULL AND e.device_id = s.device_id AND e.message_id = s.message_id;

-- name: update_device_states
-- What devices said of themselves, each value as it was last told: few messages tell all of them. Ids rise in the order of
-- arrival, so the largest pair of id and value is the newest: one pass, where an ordered aggregate or window would sort for
-- each value. Within a minute only what changed is written again.
INSERT INTO device_states AS s (device_id, online, last_seen_at, battery_percent, rssi_dbm, clock_offset_s)
SELECT device_id, (max(ARRAY[id, coalesce(online, true)::integer]))[2] = 1,
       max(received_at) FILTER (WHERE judgement <> 'retained'),
       (max(ARRAY[id, battery_percent]) FILTER (WHERE battery_percent IS NOT NULL))[2],
       (max(ARRAY[id, rssi_dbm]) FILTER (WHERE rssi_dbm IS NOT NULL))[2],
       (max(ARRAY[id, extract(epoch FROM occurred_at - received_at)::float8]) FILTER (WHERE occurred_at IS NOT NULL))[2]
  FROM staged_signals
 WHERE judgement <> 'retained' OR online IS NOT NULL
 GROUP BY device_id ORDER BY device_id
    ON CONFLICT (device_id) DO UPDATE
   SET online = excluded.online, last_seen_at = greatest(s.last_seen_at, excluded.last_seen_at),
       battery_percent = coalesce(excluded.battery_percent, s.battery_percent),
       rssi_dbm = coalesce(excluded.rssi_dbm, s.rssi_dbm),
       clock_offset_s = coalesce(excluded.clock_offset_s, s.clock_offset_s)
 WHERE coalesce(s.last_seen_at, '-infinity') < excluded.last_seen_at - interval '1 minute'
    OR s.online IS DISTINCT FROM excluded.online
    OR abs(excluded.battery_percent - coalesce(s.battery_percent, -1)) >= 1;

-- name: note_unknown_devices
-- Who speaks and is not in the registry: shown for adoption.
INSERT INTO unknown_devices AS u (publisher, child, protocol, first_seen, last_seen, messages, last_topic)
SELECT publisher, child, min(protocol), %(now)s, %(now)s, count(*), max(topic)
  FROM unnest(%(publishers)s::text[], %(children)s::text[], %(protocols)s::text[], %(topics)s::text[])
       AS m (publisher, child, protocol, topic)
 GROUP BY publisher, child ORDER BY publisher, child
    ON CONFLICT (publisher, child) DO UPDATE
   SET last_seen = excluded.last_seen, messages = u.messages + excluded.messages, protocol = excluded.protocol,
       last_topic = excluded.last_topic;

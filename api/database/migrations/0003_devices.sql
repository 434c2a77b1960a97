-- The registry: devices and gateways, where they are and were, and what they last said of themselves.

CREATE TABLE devices (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id       text NOT NULL UNIQUE CHECK (device_id ~ '^[A-Za-z0-9_-]{1,64}$'),  -- its name in topics
    kind            text NOT NULL CHECK (kind IN
                        ('infrared_sensor', 'alarm_panel', 'panic_button', 'door_contact', 'smoke_detector',
                         'gas_detector', 'water_detector', 'vibration_sensor', 'camera', 'loudspeaker', 'siren',
                         'tracker', 'gateway', 'other')),
    name            text NOT NULL DEFAULT '',
    protocol        text NOT NULL DEFAULT 'lianfang',             -- lianfang, zigbee2mqtt, tasmota, shelly1 ...
    gateway_id      bigint REFERENCES devices (id),               -- the device that this one speaks through
    external_id     text,                                         -- its name there; a retired one's is free again
    site_id         bigint REFERENCES sites (id),
    organisation_id bigint REFERENCES organisations (id),
    zone            text NOT NULL DEFAULT '',
    position        geometry(Point, 4326),                        -- its own; NULL: its site's
    source_crs      text NOT NULL DEFAULT 'EPSG:4326',
    grid_cell_id    bigint REFERENCES grid_cells (id),            -- joined when it is placed
    grid_cell       text,
    county          text,
    township        text,
    village         text,
    status          text NOT NULL DEFAULT 'in_service' CHECK (status IN
                        ('registered', 'test', 'in_service', 'out_of_service', 'retired')),
    test_until      timestamptz,                                  -- test mode ends by itself
    moved_at        timestamptz,                                  -- last given another site or place; NULL: never
    replaced_by     bigint REFERENCES devices (id),
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CHECK ((gateway_id IS NULL) = (external_id IS NULL)),
    CHECK (status <> 'test' OR test_until IS NOT NULL)
);
CREATE UNIQUE INDEX devices_child ON devices (gateway_id, external_id) WHERE status <> 'retired';
CREATE INDEX devices_site ON devices (site_id);
CREATE INDEX devices_village ON devices (village, id);
CREATE INDEX devices_position ON devices USING gist (position);

-- What a device last said of itself; apart from devices because it is written with every signal.
CREATE TABLE device_states (
    device_id       bigint PRIMARY KEY REFERENCES devices (id) ON DELETE CASCADE,
    online          boolean,
    last_seen_at    timestamptz,                                  -- NULL: only a retained message told of it
    battery_percent real,
    rssi_dbm        real,
    clock_offset_s  double precision                              -- device clock minus ours, at the last timed signal
) WITH (fillfactor = 70);

-- Each place, owner and status that a device has had: moved, replaced, retired, with history kept.
CREATE TABLE device_history (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id  bigint NOT NULL REFERENCES devices (id),
    at         timestamptz NOT NULL DEFAULT now(),
    user_id    bigint REFERENCES users (id),
    action     text NOT NULL CHECK (action IN ('registered', 'placed', 'moved', 'replaced', 'status', 'changed', 'retired')),
    reason     text NOT NULL DEFAULT '',
    before     jsonb,
    after      jsonb
);
CREATE INDEX device_history_device ON device_history (device_id, id);

-- MQTT logins: a line of the broker's password file per user name.
CREATE TABLE device_credentials (
    device_id     text PRIMARY KEY,
    password_line text NOT NULL,                                  -- $7$... PBKDF2-SHA512
    created_at    timestamptz NOT NULL DEFAULT now()
);

-- Who speaks and is not in the registry: kept and shown for adoption.
CREATE TABLE unknown_devices (
    publisher   text NOT NULL,
    child       text NOT NULL DEFAULT '',
    protocol    text NOT NULL,
    first_seen  timestamptz NOT NULL,
    last_seen   timestamptz NOT NULL,
    messages    bigint NOT NULL DEFAULT 1,
    last_topic  text NOT NULL,
    PRIMARY KEY (publisher, child)
);

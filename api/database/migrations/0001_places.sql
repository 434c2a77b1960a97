-- Where things are: divisions, grid cells, organisations, sites.
-- All geometry is EPSG:4326. Division codes are 12-digit text. Codes change between years, so every table
-- joins by its own immutable id and carries the codes as they were.

CREATE EXTENSION IF NOT EXISTS postgis;
CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE TABLE divisions (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code        text NOT NULL CHECK (code ~ '^[0-9]{12}$'),
    tier        smallint NOT NULL CHECK (tier BETWEEN 1 AND 4),   -- 1 city, 2 county, 3 township, 4 village
    name        text NOT NULL,
    name_latin  text,                                             -- pinyin, for the English UI
    parent_id   bigint REFERENCES divisions (id),
    parent_code text,
    valid_from  date NOT NULL DEFAULT '2000-01-01',
    valid_to    date,                                             -- NULL: in force
    boundary    geometry(MultiPolygon, 4326),                     -- NULL is normal: some divisions have none
    label_point geometry(Point, 4326),
    synthetic   boolean NOT NULL DEFAULT false,                   -- the boundary was drawn by us, not surveyed
    source      text NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX divisions_code_in_force ON divisions (code) WHERE valid_to IS NULL;
CREATE INDEX divisions_code ON divisions (code text_pattern_ops);
CREATE INDEX divisions_parent ON divisions (parent_id);
CREATE INDEX divisions_boundary ON divisions USING gist (boundary);

CREATE TABLE grid_cells (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code       text NOT NULL,                                     -- the village's code, "-", three digits
    village    text NOT NULL CHECK (village ~ '^[0-9]{12}$'),
    name       text NOT NULL DEFAULT '',
    boundary   geometry(MultiPolygon, 4326) NOT NULL,
    valid_from date NOT NULL DEFAULT current_date,
    valid_to   date,
    synthetic  boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX grid_cells_code_in_force ON grid_cells (code) WHERE valid_to IS NULL;
CREATE INDEX grid_cells_village ON grid_cells (village);
CREATE INDEX grid_cells_boundary ON grid_cells USING gist (boundary);

CREATE TABLE organisations (
    id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name  text NOT NULL UNIQUE,
    kind  text NOT NULL CHECK (kind IN ('police', 'security_company', 'insurer', 'government', 'village_committee')),
    phone text
);

CREATE TABLE sites (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    external_ref    text UNIQUE,                                  -- the operator's own key, for loading again
    kind            text NOT NULL CHECK (kind IN ('household', 'shop', 'key_site', 'compound', 'market', 'public_place')),
    name            text NOT NULL,
    address         text NOT NULL DEFAULT '',
    unit            text NOT NULL DEFAULT '',                     -- building, floor, flat: tells flats at one point apart
    position        geometry(Point, 4326),
    source_crs      text NOT NULL DEFAULT 'EPSG:4326',
    grid_cell_id    bigint REFERENCES grid_cells (id),
    grid_cell       text,
    county          text,
    township        text,
    village         text,
    organisation_id bigint REFERENCES organisations (id),
    -- armed intervals by day of week (1 Monday .. 7 Sunday), local time, over midnight allowed:
    -- [{"days": [1,2,3,4,5,6,7], "from": "21:00", "to": "08:00"}]; NULL: always armed
    armed_schedule  jsonb,
    armed_override  boolean,                                      -- a person's word over the schedule; NULL: the schedule
    synthetic       boolean NOT NULL DEFAULT false,
    retired_at      timestamptz,
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX sites_position ON sites USING gist (position);
CREATE INDEX sites_village ON sites (village, id);
CREATE INDEX sites_grid_cell ON sites (grid_cell_id);
CREATE INDEX sites_text ON sites USING gin ((name || ' ' || address) gin_trgm_ops);

CREATE TABLE contacts (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id    bigint NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    name       text NOT NULL,
    phone      text NOT NULL,
    relation   text NOT NULL DEFAULT '',                          -- owner, neighbour, shop manager ...
    call_order smallint NOT NULL DEFAULT 1,
    consent_at timestamptz                                        -- when this person agreed to be called
);
CREATE INDEX contacts_site ON contacts (site_id, call_order);

-- A settled fact for tile addresses: it grows when static layers change, so that caches never serve the old.
CREATE TABLE layer_versions (
    layer   text PRIMARY KEY,
    version integer NOT NULL DEFAULT 1
);
INSERT INTO layer_versions (layer) VALUES ('divisions'), ('grid_cells'), ('sites');

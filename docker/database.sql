-- Read once by psql as the superuser, when the data directory is new: the database, and logins that may no more than
-- they need. `lianfang migrate` does the rest with the login lianfang, which may make neither roles nor databases.
-- A database of its own, because the image fills the first one with extensions that nobody here uses.
\set ON_ERROR_STOP on
\set owner `sed -n 's|^postgresql://lianfang:\([A-Za-z0-9_-]\{20,\}\)@.*|\1|p' /run/secrets/owner_database_url`
\set intake `sed -n 's|^postgresql://lianfang_intake_login:\([A-Za-z0-9_-]\{20,\}\)@.*|\1|p' /run/secrets/intake_database_url`
\set api `sed -n 's|^postgresql://lianfang_api_login:\([A-Za-z0-9_-]\{20,\}\)@.*|\1|p' /run/secrets/api_database_url`
\set video `sed -n 's|^postgresql://lianfang_video_login:\([A-Za-z0-9_-]\{20,\}\)@.*|\1|p' /run/secrets/video_database_url`
SELECT '' IN (:'owner', :'intake', :'api', :'video') AS missing \gset
\if :missing
    \warn 'a secret *_database_url names no password of 20 or more letters, digits, - and _: docker/make-secrets.sh makes them'
    SELECT no_password;
\endif

CREATE ROLE lianfang_owner NOLOGIN;
CREATE ROLE lianfang_intake NOLOGIN;
CREATE ROLE lianfang_api NOLOGIN;
CREATE ROLE lianfang_video NOLOGIN;
CREATE ROLE lianfang LOGIN PASSWORD :'owner' IN ROLE lianfang_owner, lianfang_intake, lianfang_api, lianfang_video;
CREATE ROLE lianfang_intake_login LOGIN PASSWORD :'intake' IN ROLE lianfang_intake;
CREATE ROLE lianfang_api_login LOGIN PASSWORD :'api' IN ROLE lianfang_api;
CREATE ROLE lianfang_video_login LOGIN PASSWORD :'video' IN ROLE lianfang_video;

-- C.UTF-8: under C, Chinese text has no trigrams.
CREATE DATABASE lianfang OWNER lianfang TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8';
REVOKE CONNECT ON DATABASE lianfang FROM PUBLIC;
GRANT CONNECT ON DATABASE lianfang TO lianfang_intake_login, lianfang_api_login, lianfang_video_login;
\connect lianfang
CREATE EXTENSION postgis;
CREATE EXTENSION pg_trgm;

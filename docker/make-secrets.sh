#!/bin/sh
# Makes what compose.yaml hands to its services: a password each, in docker/secrets. What is there stays as it is.
# The folder is closed to others; its files are not, because the services' accounts are others.
set -eu
cd -P "$(dirname "$0")"
umask 077
mkdir -p secrets
chmod 700 secrets

password() { head -c 24 /dev/urandom | base64 | tr '+/' '-_'; }

secret() { # $1: name; $2: what it says
    [ ! -e "secrets/$1" ] || return 0
    printf '%s\n' "$2" >"secrets/.$1.new"
    chmod 444 "secrets/.$1.new"
    mv "secrets/.$1.new" "secrets/$1"
}

secret postgres_password "$(password)"
secret owner_database_url "postgresql://lianfang:$(password)@postgres/lianfang"
secret intake_database_url "postgresql://lianfang_intake_login:$(password)@postgres/lianfang"
secret api_database_url "postgresql://lianfang_api_login:$(password)@postgres/lianfang"
secret video_database_url "postgresql://lianfang_video_login:$(password)@postgres/lianfang"
secret intake_mqtt_url "mqtt://intake:$(password)@broker:1883"
secret video_mqtt_url "mqtt://video:$(password)@broker:1883"

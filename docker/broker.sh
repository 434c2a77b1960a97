#!/bin/sh
# Runs mosquitto, and tells it to read its logins again whenever `lianfang logins --watch` has written them: that runs in
# another container and can signal nobody here. Another listener takes another start: mosquitto is ended, and the engine
# starts all anew. POSIX sh, for the image's busybox. Ends as mosquitto ends.
set -u
settings=$1
folder=$2

until [ -s "$folder/version" ]; do
    echo "waiting for the logins in $folder" >&2
    sleep 1
done

listeners() { cat "$folder"/listeners/*.conf 2>/dev/null; }
known_listeners=$(listeners)

trap '' HUP # until mosquitto minds it, it must not die of it
mosquitto -c "$settings" &
broker=$!
trap 'kill -TERM "$broker"' TERM INT

tell() {
    known=
    while sleep 1; do
        read -r version <"$folder/version" || continue
        if [ "$(listeners)" != "$known_listeners" ]; then
            kill -TERM "$broker"
            return
        fi
        [ "$version" = "$known" ] || kill -HUP "$broker" || return
        known=$version
    done
}
tell &
teller=$!

# A signal ends `wait` before mosquitto has written its store.
while :; do
    wait "$broker"
    code=$?
    kill -0 "$broker" 2>/dev/null || break
done
kill "$teller" 2>/dev/null
exit "$code"

#!/bin/sh
# Runs mosquitto, and lets it read its accounts, rules and certificates again whenever one of them changes.
set -u
mosquitto -c /mosquitto/config/mosquitto.conf &
broker=$!
trap 'kill -TERM "$broker"; wait "$broker"; exit $?' TERM INT
# Each is replaced as a whole, never written into: a new file has another number.
state() { stat -c %i:%Z /broker/passwords /broker/passwords.acl /broker/broker.crt /broker/ca.crt /broker/crl.pem; }
seen=$(state)
while kill -0 "$broker" 2>/dev/null; do
    sleep 0.2 &
    wait $!
    now=$(state)
    [ "$now" = "$seen" ] || kill -HUP "$broker"
    seen=$now
done
wait "$broker"

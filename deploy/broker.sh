#!/bin/sh
# Runs mosquitto, and lets it read its accounts, rules and certificates again whenever one of them changes.
set -u
mosquitto -c /mosquitto/config/mosquitto.conf &
broker=$!
trap 'kill -TERM "$broker"; wait "$broker"; exit $?' TERM INT
state() { cat /broker/passwords /broker/passwords.acl /broker/broker.crt /broker/ca.crt /broker/crl.pem | cksum; }
seen=$(state)
while kill -0 "$broker" 2>/dev/null; do
    sleep 1 &
    wait $!
    now=$(state)
    [ "$now" = "$seen" ] || kill -HUP "$broker"
    seen=$now
done
wait "$broker"

"""The street outside: fleets, faults and owners, which reach Callout by MQTT and HTTP only."""

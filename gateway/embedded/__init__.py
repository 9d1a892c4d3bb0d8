"""The parts that Callout brings along for one machine: PostgreSQL, an MQTT broker, and the household that runs them."""

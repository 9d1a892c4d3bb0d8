"""The floor that touches the world: broker, database, HTTP, clock and environment."""

"""The physics of the simulated products. It knows nothing of monitors and shares no constant with them."""

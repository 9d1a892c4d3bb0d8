"""How an electric vehicle's messages are read: our own JSON with the declared signals."""

from devices.codecs.own_json import decoder
from devices.products.electric_vehicle.signals import SIGNALS

decode = decoder(SIGNALS)

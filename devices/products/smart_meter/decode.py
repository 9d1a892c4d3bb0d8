"""How a smart meter's messages are read: our own JSON with the declared signals."""

from devices.codecs.own_json import decoder
from devices.products.smart_meter.signals import SIGNALS

decode = decoder(SIGNALS)

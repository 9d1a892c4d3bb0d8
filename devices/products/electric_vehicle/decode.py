"""How an electric vehicle's messages are read: our own JSON with the declared signals, or SenML with their names."""

from devices.codecs import forms, own_json, senml
from devices.products.electric_vehicle.signals import SIGNALS

decode = forms.decoder(own_json.decoder(SIGNALS), senml=senml.decoder(SIGNALS))

"""How an electric vehicle's messages are read: our own JSON with the declared signals, SenML, and files in mappings."""

from devices.codecs import forms, mapped_json, own_json, senml
from devices.products.electric_vehicle.signals import SIGNALS

decode = forms.decoder(
    own_json.decoder(SIGNALS),
    senml=senml.decoder(SIGNALS),
    mapped=mapped_json.in_folder(__name__.rpartition(".")[0], SIGNALS),
)

"""How a smart meter's messages are read: our own JSON, SenML, P1 telegrams, and plain JSON by the files in mappings."""

from devices.codecs import dsmr, forms, mapped_json, own_json, senml
from devices.products.smart_meter.signals import SIGNALS

decode = forms.decoder(
    own_json.decoder(SIGNALS),
    senml=senml.decoder(SIGNALS),
    p1=dsmr.decoder(SIGNALS),
    mapped=mapped_json.in_folder(__name__.rpartition(".")[0], SIGNALS),
)

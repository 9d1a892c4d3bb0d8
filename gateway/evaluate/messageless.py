"""The decoding of product types whose readings come from a set's files, or are made, and from no device."""

from devices.product import MessageKind
from devices.readings import Envelope, Refusal


def no_messages(payload: bytes, kind: MessageKind) -> Refusal | Envelope:  # noqa: ARG001
    """Refuse whatever is sent."""
    return Refusal("wrong_form", "what this set holds is read from its files: its devices send no messages")

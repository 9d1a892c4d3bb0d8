"""Which form a payload has, told by its content: a device need not say, and may change with its firmware.

| it begins with | form |
|---|---|
| `/` | P1 telegram |
| `[` | SenML pack |
| `{`, with a schema of ours | our own JSON |
| `{`, otherwise | the product's mapping, if it has one |

A form that the product does not read, and all else, is answered by our own decoder, or said to be another form.
"""

from typing import Final

import msgspec

from devices.product import Decode, MessageKind
from devices.readings import Envelope, Refusal

_BLANKS: Final = b" \t\r\n"
_OWN_SCHEMA: Final = "callout."


class _Head(msgspec.Struct):
    schema: object = None


_read_head = msgspec.json.Decoder(_Head).decode


def decoder(
    own: Decode, *, senml: Decode | None = None, p1: Decode | None = None, mapped: Decode | None = None
) -> Decode:
    """Return a decode function that takes each payload to the decoder of its form.

    Parameters
    ----------
    own : Decode
        Our own JSON, which every product type reads; events have no other form.
    senml, p1, mapped : Decode, optional
        The other forms that the product type reads.

    Returns
    -------
    callable
        ``(payload, kind) -> Envelope | Refusal``; never raises on any bytes, as those that it is made of never do.
    """

    def decode(payload: bytes, kind: MessageKind) -> Envelope | Refusal:
        if kind == "event":
            return own(payload, kind)
        match payload.lstrip(_BLANKS)[:1]:
            case b"/":
                return p1(payload, kind) if p1 else _other_form("a P1 telegram")
            case b"[":
                return senml(payload, kind) if senml else _other_form("a JSON array, as SenML packs are")
            case b"{" if mapped is not None and not _is_own(payload):
                return mapped(payload, kind)
            case _:
                return own(payload, kind)

    return decode


def _is_own(payload: bytes) -> bool:
    """Whether an object names a schema of ours; one that cannot be read is left to our own decoder to explain."""
    try:
        schema = _read_head(payload).schema
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return True
    return isinstance(schema, str) and schema.startswith(_OWN_SCHEMA)


def _other_form(form: str) -> Refusal:
    return Refusal("other_form", f"this is {form}, a form that the product type does not read: send our own JSON")

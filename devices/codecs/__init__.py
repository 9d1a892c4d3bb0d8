"""Codecs: bytes of one payload form to envelopes of samples. They never raise; what they cannot read is a refusal."""

"""The gateway's exceptions: broken machinery, told in one paragraph that says what, which value, where, and what to do next.

Expected outcomes are values, not exceptions. The command line prints a `CalloutError` without a traceback.
"""


class CalloutError(Exception):
    """Something that Callout cannot mend by itself; its message names the next move."""


class SettingsError(CalloutError):
    """A setting is missing or has a value that cannot be used."""


class EmbeddedError(CalloutError):
    """An embedded part (PostgreSQL, the broker, a process of the household) could not be started or kept running."""

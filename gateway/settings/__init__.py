"""The settings of every process: read once, checked, and handed on as a value.

The environment (`CALLOUT_...`) comes first, then the folder of secrets, then the settings file, then the defaults.

Empty means "bring it along": without `database_url` or `broker_url`, `callout up` starts its own PostgreSQL and
broker in the data folder and hands their addresses on to the processes that it starts.
"""

from gateway.settings.addresses import ServerAddress
from gateway.settings.checks import DIVISIONS
from gateway.settings.load import as_environment, load_settings
from gateway.settings.model import CHECKOUT, Settings
from gateway.settings.sources import ENVIRONMENT_PREFIX

__all__ = [
    "CHECKOUT",
    "DIVISIONS",
    "ENVIRONMENT_PREFIX",
    "ServerAddress",
    "Settings",
    "as_environment",
    "load_settings",
]

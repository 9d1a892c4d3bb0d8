"""The accounts process: gives a broker of one's own what it reads: accounts, access rules, and its certificates."""

from gateway.broker_accounts import ACCESS_RULES
from gateway.embedded.account_sync import AccountSync, outside_accounts
from gateway.embedded.broker_files import BrokerFiles
from gateway.embedded.household import stopped_by_signals
from gateway.embedded.keeper import Tell
from gateway.settings import Settings


def run(settings: Settings, tell: Tell) -> None:
    """Keep the broker's files equal to the desk's, until SIGTERM or SIGINT.

    Raises
    ------
    CalloutError
        The file is not named, or cannot be written.
    """
    kept = outside_accounts(settings)
    kept.path.with_name(f"{kept.path.name}.acl").write_text(ACCESS_RULES, encoding="utf-8")
    sync = AccountSync(settings.required("database_url"), kept, tell)
    with stopped_by_signals(tell) as stopping:
        sync.start()
        if settings.authority_dir is not None:
            BrokerFiles(settings.authority_dir, kept.path.parent, tell).keep(stopping)
        stopping.wait()
        sync.stop()

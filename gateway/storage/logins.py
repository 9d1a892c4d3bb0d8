"""Lets the roles of our processes log in by themselves, so that none of them has to know the schema owner's password."""

from collections.abc import Mapping

from psycopg import sql

from gateway.storage.connection import Role, connect


def allow_logins(database_url: str, passwords: Mapping[str, str]) -> list[str]:
    """Give roles their passwords, and return the names of those that may log in now; others are left alone.

    Only a SCRAM verifier of each leaves this process: a server may log its statements.

    Parameters
    ----------
    database_url
        With the account of the schema's owner.
    passwords
        By the name of the role.

    Raises
    ------
    DatabaseUnreachableError
        There is no database, or it refuses the owner.
    """
    if not passwords:
        return []
    with connect(database_url, Role.ADMIN) as connection, connection.transaction():
        for role, password in passwords.items():
            verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
            statement = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}")
            connection.execute(statement.format(sql.Identifier(role), sql.Literal(verifier)))
    return list(passwords)

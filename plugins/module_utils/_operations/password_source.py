# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the password of a reset comes from: an option, a vault's secret, or made here and kept in a vault."""

from __future__ import annotations

import contextlib
import typing as t

from .._azure import vault_passwords
from .._domain.accounts import checked_password, generated_password
from .._domain.errors import AccessError, NotFound
from .._domain.password_marker import Marker
from .._domain.vault_password import CONTENT_TYPE, require_own

if t.TYPE_CHECKING:
    from .._azure.clients import AzureClients
    from .._domain.outcome import Document
    from .._domain.vault_password import Account, PasswordSecret, StoredPassword


class PasswordSource(t.Protocol):
    """One password for one account. :meth:`load` first, and again before the others rely on what others may change."""

    def load(self) -> None:
        """Learn what there is. Raises :class:`InvalidInput` for a password that can't be set."""

    def is_set(self, marker: Marker | None) -> bool:
        """Whether the extension's marker says that this password is the one in the VM."""

    def prepare(self) -> tuple[str, Marker]:
        """The password, and the marker that goes with it. A generated one is in its vault when this returns."""

    def overtaken(self) -> bool:
        """Whether somebody put another password in this one's place since."""

    def withdraw(self, *, untouched: bool) -> str:
        """After a failed reset: undo what :meth:`prepare` did, if the VM surely has its former password. Says so."""

    def describe(self) -> Document:
        """For the result: never the password."""


class GivenPassword:
    """A password from the task's options."""

    def __init__(self, password: str, account: Account) -> None:
        self._password = checked_password(password, user=account.user, source="the option password")
        self._account = account

    def load(self) -> None:
        return

    def is_set(self, marker: Marker | None) -> bool:
        return marker is not None and marker.is_of_password(self._password, account=self._account.key)

    def prepare(self) -> tuple[str, Marker]:
        return self._password, Marker.of_password(self._password, account=self._account.key)

    def overtaken(self) -> bool:
        return False

    def withdraw(self, *, untouched: bool) -> str:
        return ""

    def describe(self) -> Document:
        return {"source": "option", "generated": False, "secret": None}


class VaultPassword:
    """A password that somebody keeps in a vault: its current version, or a certain one."""

    def __init__(self, azure: AzureClients, secret: PasswordSecret, account: Account) -> None:
        self._azure = azure
        self._secret = secret
        self._account = account
        self._stored: StoredPassword | None = None

    def load(self) -> None:
        stored = vault_passwords.read(self._azure, self._secret)
        if stored is None:
            raise NotFound(
                code="PasswordNotFound",
                message=f"There is no enabled version of the secret {self._secret}.",
                hint="Check password_secret and vault_name, or set generate: true to have a password made.",
            )
        checked_password(stored.value, user=self._account.user, source=f"the secret {self._secret}")
        self._stored = stored

    def is_set(self, marker: Marker | None) -> bool:
        return marker is not None and marker.is_of_secret(self._known.url, account=self._account.key)

    def prepare(self) -> tuple[str, Marker]:
        return self._known.value, Marker.of_secret(self._known.url, account=self._account.key)

    def overtaken(self) -> bool:
        return False

    def withdraw(self, *, untouched: bool) -> str:
        return ""

    def describe(self) -> Document:
        secret = _described(self._secret, self._stored, None) | {"restored": None}
        return {"source": "vault", "generated": False, "secret": secret}

    @property
    def _known(self) -> StoredPassword:
        if self._stored is None:
            raise RuntimeError("load() comes first")
        return self._stored


class GeneratedPassword:
    """A password made here. The vault is the truth: its current version is the password that the VM shall have.

    So a run that was cut after it had written a version is completed by the next one, and of two runs at once the one
    whose version is current has its way. ``renew``: make a new version even if there is one.
    """

    def __init__(
        self, azure: AzureClients, secret: PasswordSecret, account: Account, *, length: int, renew: bool
    ) -> None:
        self._azure = azure
        self._secret = secret
        self._account = account
        self._length = length
        self._renew = renew
        self._current: StoredPassword | None = None
        self._former: StoredPassword | None = None
        self._written: StoredPassword | None = None
        self._restored: bool | None = None

    def load(self) -> None:
        self._current = vault_passwords.read(self._azure, self._secret)
        if self._current:
            require_own(self._current, self._account, self._secret)

    def is_set(self, marker: Marker | None) -> bool:
        if marker is None or self._current is None or self._to_make:
            return False
        return marker.is_of_secret(self._current.url, account=self._account.key)

    def prepare(self) -> tuple[str, Marker]:
        if self._current is None or self._to_make:
            self._former = self._current
            self._restored = None
            self._current = self._written = self._write(
                generated_password(self._length, user=self._account.user), self._account.tags, CONTENT_TYPE
            )
        value = checked_password(self._current.value, user=self._account.user, source=f"the secret {self._secret}")
        return value, Marker.of_secret(self._current.url, account=self._account.key)

    def overtaken(self) -> bool:
        try:
            now = vault_passwords.read(self._azure, self._secret)
        except AccessError:  # the reset succeeded, and this only looks for a rare meeting of two runs
            return False
        return now is not None and self._current is not None and now.url != self._current.url

    def withdraw(self, *, untouched: bool) -> str:
        """A vault's current version is the newest: the former password becomes current by being written once more."""
        if self._written is None:
            return ""
        if not untouched:
            former = f"; the former one is in version {self._former.version}" if self._former else ""
            return (
                f"The new password stays in the secret {self._secret}, because the VM may have taken it{former}."
                " The next run sets it."
            )
        self._restored = False
        try:
            said = self._former_again(self._written)
        except AccessError as error:
            return f"The secret {self._secret} could not be set back to the former password: {error.message}"
        with contextlib.suppress(AccessError):  # what matters is which version is current
            vault_passwords.disable(self._azure, self._secret, self._written.version)
        return said

    def describe(self) -> Document:
        return {
            "source": "generated",
            "generated": self._written is not None or self._to_make,
            "secret": _described(self._secret, None if self._to_make else self._current, self._former)
            | {"restored": self._restored},
        }

    @property
    def _to_make(self) -> bool:
        return self._written is None and (self._renew or self._current is None)

    def _former_again(self, written: StoredPassword) -> str:
        if self._former is None:
            self._current = None
            return f"The new version of the secret {self._secret} is disabled; there was none before."
        now = vault_passwords.read(self._azure, self._secret)
        if now is not None and now.url != written.url:
            return f"The secret {self._secret} holds what somebody else wrote meanwhile."
        self._current = self._write(self._former.value, dict(self._former.tags), self._former.content_type)
        self._restored = True
        return f"The secret {self._secret} holds the former password again."

    def _write(self, value: str, tags: t.Mapping[str, str], content_type: str | None) -> StoredPassword:
        return vault_passwords.write(self._azure, self._secret, value, tags=tags, content_type=content_type)


def _described(secret: PasswordSecret, stored: StoredPassword | None, former: StoredPassword | None) -> Document:
    return {
        "vault_uri": secret.vault_uri,
        "name": secret.name,
        "url": stored.url if stored else None,
        "previous_url": former.url if former else None,
    }

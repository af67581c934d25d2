# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Azure SDK clients of one run: made on first use, one per service, over one shared connection pool."""

from __future__ import annotations

import contextlib
import typing as t
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from functools import cached_property

from .._domain.deadline import Deadline
from .._domain.errors import InvalidInput
from .credentials import SignIn
from .libraries import needs
from .retries import RETRIES, patient_retries
from .transport import bounded_transport

if t.TYPE_CHECKING:
    from azure.core import AzureClouds
    from azure.core.credentials import TokenCredential
    from azure.core.pipeline import PipelineResponse
    from azure.core.pipeline.transport import RequestsTransport
    from azure.keyvault.certificates import CertificateClient
    from azure.keyvault.keys.crypto import CryptographyClient
    from azure.keyvault.secrets import SecretClient
    from azure.mgmt.compute import ComputeManagementClient
    from azure.mgmt.keyvault import KeyVaultManagementClient
    from azure.mgmt.network import NetworkManagementClient

USER_AGENT = "azvm.access"


class AzureClients:
    """Lazy clients for one subscription.

    ``subscription`` overrides the one of the sign-in (an id in the task names its own). ``poll_interval`` is the pause
    in seconds between polls where Azure names none. ``deadline``, ``timeout`` seconds from now, is when nothing more is
    sent or waited for.
    """

    def __init__(
        self,
        sign_in: SignIn | t.Callable[[], SignIn],
        *,
        subscription: str | None,
        poll_interval: float,
        timeout: float,
    ) -> None:
        self._sign_in = sign_in
        self._own_subscription = subscription
        self._options: dict[str, t.Any] = {
            "user_agent": USER_AGENT,
            "raw_response_hook": self._note_time,
            "polling_interval": poll_interval,
        }
        self.deadline = Deadline(timeout)
        self._azure_time: datetime | None = None

    @cached_property
    def sign_in(self) -> SignIn:
        """Decided on first use: a task that asks Azure nothing needs no credentials."""
        return self._sign_in if isinstance(self._sign_in, SignIn) else self._sign_in()

    @property
    def subscription(self) -> str:
        """The subscription id; raises :class:`InvalidInput` when nothing names one."""
        subscription = self._own_subscription or self.sign_in.subscription
        if not subscription:
            raise InvalidInput(
                code="SubscriptionMissing",
                message="No subscription is named.",
                hint="Set subscription_id, AZURE_SUBSCRIPTION_ID or vm_id, or choose one with 'az account set'.",
            )
        return subscription

    @property
    def vault_suffix(self) -> str:
        """The DNS suffix of vaults in this cloud, for example ``vault.azure.net``."""
        return self.sign_in.cloud.vault_suffix

    @property
    def tenant(self) -> str | None:
        return self.sign_in.tenant

    def now(self) -> tuple[datetime, datetime]:
        """The earlier and the later of the controller's clock and Azure's (the ``Date`` of its last answer), in UTC.

        What must hold for both (a certificate's validity) is measured with the stricter one, so that a skewed
        controller clock neither renews too early nor too late.
        """
        here = datetime.now(timezone.utc)
        return min(here, self.azure_time), max(here, self.azure_time)

    @property
    def azure_time(self) -> datetime:
        """Azure's clock, by the ``Date`` of its last answer, in UTC; the controller's before the first one."""
        return self._azure_time or datetime.now(timezone.utc)

    @cached_property
    def compute(self) -> ComputeManagementClient:
        with needs("azure-mgmt-compute"):
            from azure.mgmt.compute import ComputeManagementClient
        return ComputeManagementClient(
            self._credential, self.subscription, cloud_setting=self._cloud, **self._arm_options
        )

    @cached_property
    def network(self) -> NetworkManagementClient:
        with needs("azure-mgmt-network"):
            from azure.mgmt.network import NetworkManagementClient
        return NetworkManagementClient(
            self._credential, self.subscription, cloud_setting=self._cloud, **self._arm_options
        )

    @cached_property
    def vaults(self) -> KeyVaultManagementClient:
        with needs("azure-mgmt-keyvault"):
            from azure.mgmt.keyvault import KeyVaultManagementClient
        return KeyVaultManagementClient(
            self._credential, self.subscription, cloud_setting=self._cloud, **self._arm_options
        )

    def secrets(self, vault_uri: str) -> SecretClient:
        """The data plane of one vault: secrets."""
        with needs("azure-keyvault-secrets"):
            from azure.keyvault.secrets import SecretClient
        return SecretClient(vault_uri, self._credential, **self._vault_options)

    def certificates(self, vault_uri: str) -> CertificateClient:
        """The data plane of one vault: certificates."""
        with needs("azure-keyvault-certificates"):
            from azure.keyvault.certificates import CertificateClient
        return CertificateClient(vault_uri, self._credential, **self._vault_options)

    def cryptography(self, key_id: str) -> CryptographyClient:
        """The data plane of one vault: what one of its keys can do."""
        with needs("azure-keyvault-keys"):
            from azure.keyvault.keys.crypto import CryptographyClient
        return CryptographyClient(key_id, self._credential, **self._vault_options)

    @property
    def poll_interval(self) -> float:
        return float(self._options["polling_interval"])

    @cached_property
    def _credential(self) -> TokenCredential:
        return self.sign_in.credential(transport=self._transport, **RETRIES)

    @cached_property
    def _cloud(self) -> AzureClouds:
        with needs("azure-core"):
            from azure.core import AzureClouds
        return AzureClouds[self.sign_in.cloud.setting]

    @cached_property
    def _transport(self) -> RequestsTransport:
        # One for all: clients of Azure Resource Manager talk to one host, and a shared pool saves their TLS handshakes.
        return bounded_transport(self.deadline)

    @property
    def _arm_options(self) -> dict[str, t.Any]:
        return {**self._options, "transport": self._transport, "retry_policy": patient_retries()}

    @property
    def _vault_options(self) -> dict[str, t.Any]:
        return {key: value for key, value in self._arm_options.items() if key != "polling_interval"}

    def _note_time(self, response: PipelineResponse[t.Any, t.Any]) -> None:
        date = response.http_response.headers.get("Date")
        if date:
            with contextlib.suppress(ValueError):  # a proxy may write what it likes
                self._azure_time = parsedate_to_datetime(date).astimezone(timezone.utc)

# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the credentials come from: options, environment, ``~/.azure/credentials``, the Azure CLI or a managed identity.

Names and order are those of azure.azcollection, so that one ``module_defaults`` block or one environment serves both;
azure-identity's own variable names are understood as well.
"""

from __future__ import annotations

import configparser
import json
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

from .._domain.errors import InvalidInput, SignInFailed
from .clouds import Cloud, cloud_named
from .libraries import needs

if t.TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

_VARIABLES = {
    "subscription_id": ("AZURE_SUBSCRIPTION_ID",),
    "tenant": ("AZURE_TENANT", "AZURE_TENANT_ID"),
    "client_id": ("AZURE_CLIENT_ID",),
    "secret": ("AZURE_SECRET", "AZURE_CLIENT_SECRET"),
    "cloud_environment": ("AZURE_CLOUD_ENVIRONMENT",),
    "profile": ("AZURE_PROFILE",),
    "federated_token_file": ("AZURE_FEDERATED_TOKEN_FILE",),
}


_SOURCES = ("auto", "cli", "credential_file", "env", "msi")


@dataclass(frozen=True, kw_only=True)
class SignIn:
    """How to sign in. ``kind`` is ``service_principal``, ``workload_identity``, ``cli`` or ``msi``."""

    kind: str
    cloud: Cloud
    subscription: str | None = None
    tenant: str | None = None
    client_id: str | None = None
    secret: str | None = field(default=None, repr=False)
    federated_token_file: str | None = None

    def credential(self, **options: t.Any) -> TokenCredential:
        """An azure-identity credential; ``options`` go to its pipeline. Raises :class:`InvalidInput`."""
        with needs("azure-identity"):
            from azure import identity
        authority = self.cloud.authority
        try:
            if self.kind == "service_principal":
                return identity.ClientSecretCredential(
                    self.tenant or "", self.client_id or "", self.secret or "", authority=authority, **options
                )
            if self.kind == "workload_identity":
                return identity.WorkloadIdentityCredential(
                    tenant_id=self.tenant,
                    client_id=self.client_id,
                    token_file_path=self.federated_token_file,
                    authority=authority,
                    **options,
                )
            if self.kind == "msi":
                return identity.ManagedIdentityCredential(client_id=self.client_id, **options)
            return identity.AzureCliCredential(tenant_id=self.tenant or "", process_timeout=30)
        except ValueError as error:  # azure-identity checks the form of what it is given
            raise InvalidInput(
                code="InvalidCredentials",
                message=f"tenant {self.tenant!r} or client_id {self.client_id!r} can't be right: Azure's ids have"
                " another form.",
                hint="tenant is the id or a domain name of your Entra tenant, client_id the application's id.",
            ) from error


def sign_in(options: t.Mapping[str, t.Any], *, environment: t.Mapping[str, str], home: Path | None = None) -> SignIn:
    """Decide how to sign in from module ``options``; nothing is sent yet.

    ``auth_source`` picks one source; ``auto`` takes the first that is complete: options, a named profile, environment,
    the default profile, the Azure CLI. What none of them has to name, the subscription and the cloud, may come from the
    environment in any case. Raises :class:`SignInFailed` when none is complete, :class:`InvalidInput` for a source,
    profile or cloud that does not exist.
    """
    azure_dir = (home or Path.home()) / ".azure"
    given = {name: options.get(name) or None for name in _VARIABLES}
    variables = {name: _first(environment, names) for name, names in _VARIABLES.items()}
    source = options.get("auth_source") or environment.get("ANSIBLE_AZURE_AUTH_SOURCE") or "auto"
    if source not in _SOURCES:
        raise InvalidInput(
            code="InvalidAuthSource",
            message=f"ANSIBLE_AZURE_AUTH_SOURCE is {source!r}, which is not a source of credentials.",
            hint=f"Set it to one of {', '.join(_SOURCES)}, or unset it.",
        )
    profile = given["profile"] or variables["profile"]

    def of_profile(name: str) -> SignIn | None:
        return _principal(_profile(azure_dir, name), given, fallback=variables)

    if source == "env":
        return _principal(variables, given) or _none_found(
            "the environment variables AZURE_TENANT, AZURE_CLIENT_ID, AZURE_SECRET"
        )
    if source == "credential_file":
        name = profile or "default"
        return of_profile(name) or _none_found(f"profile {name} of ~/.azure/credentials")
    if source == "msi":
        return _made("msi", {**variables, **_set(given)})
    if source == "cli":
        return _cli(azure_dir, {**variables, **_set(given)})

    found = _principal(given, {}, fallback=variables)
    if not found and profile:
        found = of_profile(profile) or _none_found(f"profile {profile} of ~/.azure/credentials")
    found = found or _principal(variables, given)
    if not found and _has_profile(azure_dir, "default"):
        found = of_profile("default")
    if not found and (azure_dir / "azureProfile.json").exists():
        found = _cli(azure_dir, {**variables, **_set(given)})
    return found or _none_found("options, environment, ~/.azure/credentials or an Azure CLI login")


Values: t.TypeAlias = "t.Mapping[str, str | None]"


def _first(environment: t.Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((environment[name] for name in names if environment.get(name)), None)


def _set(values: Values) -> dict[str, str | None]:
    return {name: value for name, value in values.items() if value}


def _made(kind: str, values: Values) -> SignIn:
    return SignIn(
        kind=kind,
        cloud=cloud_named(values.get("cloud_environment") or "AzureCloud"),
        subscription=values.get("subscription_id"),
        tenant=values.get("tenant"),
        client_id=values.get("client_id"),
        secret=values.get("secret"),
        federated_token_file=values.get("federated_token_file"),
    )


def _principal(source: Values, override: Values, *, fallback: Values | None = None) -> SignIn | None:
    """A service principal or workload identity when ``source`` names one completely; ``override`` wins per field."""
    if not source.get("client_id") and not override.get("client_id"):
        return None
    values = {**_set(source), **_set(override)}
    if values.get("tenant") and values.get("secret"):
        kind = "service_principal"
    elif values.get("tenant") and values.get("federated_token_file"):
        kind = "workload_identity"
    else:
        return None
    rest = fallback or {}
    for name in ("subscription_id", "cloud_environment"):
        values.setdefault(name, rest.get(name))
    return _made(kind, values)


def _cli(azure_dir: Path, values: Values) -> SignIn:
    """The Azure CLI's login; its default subscription stands in ``azureProfile.json``."""
    subscription = values.get("subscription_id")
    path = azure_dir / "azureProfile.json"
    if not subscription and path.exists():
        try:
            known = json.loads(path.read_text(encoding="utf-8-sig")).get("subscriptions", [])
            subscription = next((entry["id"] for entry in known if entry.get("isDefault")), None)
        except (OSError, ValueError, AttributeError, KeyError) as error:
            raise _unreadable(path, error) from error
    return _made("cli", {**values, "subscription_id": subscription, "secret": None})


def _credentials_file(azure_dir: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    path = azure_dir / "credentials"
    try:
        parser.read(path, encoding="utf-8")
    except (OSError, configparser.Error, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error
    return parser


def _unreadable(path: Path, error: Exception) -> InvalidInput:
    return InvalidInput(  # configparser quotes the line it stumbles over, which may hold a secret
        code="CredentialsUnreadable",
        message=f"The file {path} can't be read: {type(error).__name__}.",
        hint="Mend or remove the file, or set auth_source to another source.",
    )


def _has_profile(azure_dir: Path, name: str) -> bool:
    return _credentials_file(azure_dir).has_section(name)


def _profile(azure_dir: Path, name: str) -> Values:
    parser = _credentials_file(azure_dir)
    if not parser.has_section(name):
        raise InvalidInput(
            code="ProfileNotFound",
            message=f"There is no profile {name!r} in {azure_dir / 'credentials'}.",
            hint="Profiles there are: " + (", ".join(parser.sections()) or "none") + ".",
        )
    return dict(parser.items(name))


def _none_found(where: str) -> t.NoReturn:
    raise SignInFailed(
        code="CredentialsNotFound",
        message=f"No complete Azure credentials were found in {where}.",
        hint="Set AZURE_TENANT, AZURE_CLIENT_ID, AZURE_SECRET and AZURE_SUBSCRIPTION_ID,"
        " or run 'az login', or set auth_source.",
    )

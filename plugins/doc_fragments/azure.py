# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials and waiting, shared by all modules."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  subscription_id:
    description:
      - The subscription. Also read from E(AZURE_SUBSCRIPTION_ID), a profile, or the Azure CLI's default.
    type: str
  tenant:
    description:
      - The Entra tenant of the service principal. Also read from E(AZURE_TENANT) and E(AZURE_TENANT_ID).
    type: str
  client_id:
    description:
      - The application (client) id of the service principal, or of a user-assigned managed identity.
        Also read from E(AZURE_CLIENT_ID).
    type: str
  secret:
    description:
      - The client secret of the service principal. Also read from E(AZURE_SECRET) and E(AZURE_CLIENT_SECRET).
    type: str
  auth_source:
    description:
      - Where credentials come from. Also read from E(ANSIBLE_AZURE_AUTH_SOURCE); otherwise V(auto).
      - V(auto) takes the first that is complete - options, O(profile), environment, the profile C(default),
        the Azure CLI.
      - V(env) also serves a workload identity when E(AZURE_FEDERATED_TOKEN_FILE) is set.
      - V(msi) is the managed identity of the machine the task runs on.
    type: str
    choices: [auto, cli, credential_file, env, msi]
  profile:
    description:
      - A section of C(~/.azure/credentials). Also read from E(AZURE_PROFILE).
    type: str
  cloud_environment:
    description:
      - V(AzureCloud), V(AzureChinaCloud) or V(AzureUSGovernment). Also read from E(AZURE_CLOUD_ENVIRONMENT).
    type: str
  timeout:
    description:
      - Seconds the whole task may take, up to a year. When they are over, it fails and says what was last seen.
        Running the task again continues where it stopped.
    type: int
    default: 1200
  poll_interval:
    description:
      - Seconds between two looks at a long-running operation where Azure does not name a pause itself.
    type: float
    default: 5.0
requirements:
  - python >= 3.10
  - azure-core >= 1.34
  - azure-identity >= 1.19
notes:
  - The task runs where it is delegated to, normally the controller - use C(delegate_to=localhost) for hosts
    that are the VMs themselves.
"""

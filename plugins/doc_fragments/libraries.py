# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python packages that modules need, each with the oldest release that will do; requirements.txt lists all."""

from __future__ import annotations


class ModuleDocFragment:
    COMPUTE = r"""
options: {}
requirements:
  - azure-mgmt-compute >= 37
"""

    NETWORK = r"""
options: {}
requirements:
  - azure-mgmt-network >= 30
"""

    KEYVAULT = r"""
options: {}
requirements:
  - azure-mgmt-keyvault >= 12.1
"""

    SECRETS = r"""
options: {}
requirements:
  - azure-keyvault-secrets >= 4.8
"""

    CERTIFICATES = r"""
options: {}
requirements:
  - azure-keyvault-certificates >= 4.12
"""

    CRYPTOGRAPHY = r"""
options: {}
requirements:
  - cryptography >= 43
"""

# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The vault's own plane: secrets and certificates under https://<vault>.vault.azure.net."""

from __future__ import annotations

from .service import application as app

__all__ = ["app"]

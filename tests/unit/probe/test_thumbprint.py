# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways in which people write thumbprints."""

from __future__ import annotations

import pytest

from ansible_collections.azvm.access.plugins.module_utils._domain.thumbprint import normalise_thumbprint

SHA1 = "0123456789ABCDEF0123456789ABCDEF01234567"


@pytest.mark.parametrize(
    "written",
    [
        SHA1,
        SHA1.lower(),
        ":".join(SHA1[i : i + 2] for i in range(0, 40, 2)),
        " ".join(SHA1[i : i + 2] for i in range(0, 40, 2)).lower(),
        "\u200e" + SHA1,  # copied from the certificate dialog of Windows
        f"  {SHA1}\n",
    ],
)
def test_all_forms_are_one(written: str) -> None:
    assert normalise_thumbprint(written) == SHA1


def test_sha256_is_accepted() -> None:
    assert normalise_thumbprint("ab" * 32) == "AB" * 32


@pytest.mark.parametrize("written", ["", "0123", SHA1 + "0", "g" * 40, "sha1/" + SHA1])
def test_refuses_other_text(written: str) -> None:
    with pytest.raises(ValueError, match="40"):
        normalise_thumbprint(written)

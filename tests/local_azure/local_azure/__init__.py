# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A local Azure: the part of the cloud that access to Windows VMs needs, on loopback, for rehearsals and tests."""

__version__ = "0.1.0"

#!/usr/bin/env bash
# Rehearses playbooks/enable_winrm.yml against the local Azure: enable, connect, run again, clean up.
# Ends with 0 only if all of it worked. Everything it makes is in a temporary folder, which is removed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/rehearsal.sh

say "Starting the local Azure: a running Windows VM 'win1' in the resource group 'access-demo', WinRM off, no key vault."
local-azure start --dir "$work/azure" --scenario windows-vm
# shellcheck disable=SC1091  # written by the line above
. "$work/azure/env.sh"

enable=(playbooks/enable_winrm.yml -e resource_group=access-demo -e vm_name=win1 -e allowed_sources=127.0.0.1
    -e "enable_winrm_inventory_file=$work/inventory.yml")

say "Enabling WinRM over HTTPS: a certificate in a new key vault and in the VM, the listener, the security rules, a proof."
play "${enable[@]}"
first=$(requests 0)

say "Connecting with the plugins people have, NTLM over TLS, the certificate verified, from the inventory just written."
play -i "$work/inventory.yml" scripts/demo_connect.yml

say "The same again, which must find nothing to do."
before=$(requests 0)
play "${enable[@]}"
second=$(requests "$before")
nothing_changed

say "Done. Requests to Azure: $first in the first run; $second in the second, none of which wrote anything."

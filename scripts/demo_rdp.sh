#!/usr/bin/env bash
# Rehearses playbooks/enable_rdp.yml against the local Azure: enable, look at the file, run again, take back, clean up.
# Ends with 0 only if all of it worked. Everything it makes is in a temporary folder, which is removed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/rehearsal.sh

say "Starting the local Azure: a running Windows VM 'win1' in the resource group 'access-demo', closed to the outside."
local-azure start --dir "$work/azure" --scenario windows-vm
# shellcheck disable=SC1091  # written by the line above
. "$work/azure/env.sh"

enable=(playbooks/enable_rdp.yml -e resource_group=access-demo -e vm_name=win1 -e allowed_sources=127.0.0.1
    -e "enable_rdp_folder=$work/rdp" -e enable_rdp_username=azureuser -e enable_rdp_server_certificate=true)

say "Enabling Remote Desktop: the file, a certificate from a new key vault, the security rules, a proof."
play "${enable[@]}"
first=$(requests 0)

say "What people get: $(ls "$work/rdp")"
sed 's/^/   /' "$work/rdp/win1.rdp"
openssl x509 -in "$work/rdp/win1.crt" -noout -subject -fingerprint -ext subjectAltName | sed 's/^/   /'

say "The same again, which must find nothing to do."
before=$(requests 0)
play "${enable[@]}"
second=$(requests "$before")
nothing_changed

say "Taking it back."
play "${enable[@]}" -e enable_rdp_state=absent
[ -z "$(ls -A "$work/rdp")" ] || die "files are left: $(ls -A "$work/rdp")"

say "Done. Requests to Azure: $first in the first run; $second in the second, none of which wrote anything."

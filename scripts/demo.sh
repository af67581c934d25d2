#!/usr/bin/env bash
# Rehearses playbooks/enable_winrm.yml against the local Azure: enable, connect, run again, clean up.
# Ends with 0 only if all of it worked. Everything it makes is in a temporary folder, which is removed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n>> %s\n' "$*"; }
die() { printf '\n>> %s\n' "$*" >&2; exit 1; }

# Nobody's own settings, and nobody's own subscription, take part.
for name in "${!ANSIBLE_@}" "${!AZURE_@}" "${!LOCAL_AZURE_@}"; do unset "$name"; done
work=$(mktemp -d)
mkdir "$work/home"
export HOME=$work/home ANSIBLE_HOME=$work/ansible ANSIBLE_CONFIG=$PWD/ansible.cfg PYTHONDONTWRITEBYTECODE=1
export PATH=$PWD/.venv/bin:$PATH

clean_up() {
    local status=$?
    trap '' INT TERM
    local-azure stop --dir "$work/azure" || status=1
    rm -rf "$work"
    [ "$status" = 0 ] || printf '\n>> The demo FAILED.\n' >&2
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

play() {
    printf '   $ ansible-playbook %s\n' "$*"
    ansible-playbook "$@" | tee "$work/output"
}

requests() { local-azure journal --since "$1" >"$work/journal"; wc -l <"$work/journal"; }

# Of the requests last counted those that write: all but reading and signing in.
writes() { grep -Ev '"method": "(GET|HEAD)"|"host": "login\.' "$work/journal" || true; }

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
recap=$(sed '1,/^PLAY RECAP/d' "$work/output" | grep -E 'changed=[0-9]') || die "the second run has no recap"
! grep -vqE ' changed=0 +unreachable=0 +failed=0 ' <<<"$recap" || die "the second run changed something"
[ -z "$(writes)" ] || die "the second run wrote to Azure: $(writes)"

say "Done. Requests to Azure: $first in the first run; $second in the second, none of which wrote anything."

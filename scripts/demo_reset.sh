#!/usr/bin/env bash
# Rehearses playbooks/reset_access.yml against the local Azure: a VM that nobody gets into, and the way back in.
# Ends with 0 only if all of it worked. Everything it makes is in a temporary folder, which is removed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/rehearsal.sh

# Sign in with the stock psrp and winrm plugins and the password given by name of its variable. Passwords are in the
# environment only; what is printed here, and what processes were started with, has none.
sign_in() {
    LOCAL_AZURE_VM_PASSWORD=${!1} play -i "$work/inventory.yml" scripts/demo_connect.yml "${@:2}"
}

refused() {
    if sign_in "$1" -e ansible_connection=ansible.builtin.winrm >"$work/refused" 2>&1; then
        die "the VM still takes $1"
    fi
    grep -q 'credentials were rejected' "$work/refused" || die "$1 failed, but not because it is wrong: $(cat "$work/refused")"
    printf '   The VM refuses %s.\n' "$1"
}

say "Starting the local Azure: a VM 'win1' with Remote Desktop off and its service stopped, and an account whose password is lost."
local-azure start --dir "$work/azure" --scenario locked-out
# shellcheck disable=SC1091  # written by the line above
. "$work/azure/env.sh"
# Lost to people. The demo keeps it to show that it is good for nothing afterwards.
# shellcheck disable=SC2034  # read by its name, as ${!1}
OLD_PASSWORD=$LOCAL_AZURE_VM_PASSWORD
unset LOCAL_AZURE_VM_PASSWORD

vm=(-e resource_group=access-demo -e vm_name=win1)
reset=(playbooks/reset_access.yml "${vm[@]}")

say "WinRM over HTTPS, for the proof later: it is set up through the VM agent, nobody has to sign in."
play playbooks/enable_winrm.yml "${vm[@]}" -e allowed_sources=127.0.0.1 -e "enable_winrm_inventory_file=$work/inventory.yml"

say "The Remote Desktop configuration, which is what --check shows first."
play "${reset[@]}" --check
play "${reset[@]}"
grep -q 'the service answers with a certificate' "$work/output" || die "nothing proves that Remote Desktop answers"

say "The password: a new one from the environment. The playbook signs in with it over WinRM, the certificate verified."
NEW_PASSWORD=$(python -c 'import secrets; print("Aa1-" + secrets.token_urlsafe(15))')
export NEW_PASSWORD
play "${reset[@]}" -e reset=password -e "username=$LOCAL_AZURE_VM_USER" -e reset_access_connection=winrm \
    -e '{"reset_access_password": "{{ lookup(\"ansible.builtin.env\", \"NEW_PASSWORD\") }}"}'
grep -q "Signed in as .*$LOCAL_AZURE_VM_USER over WinRM" "$work/output" || die "the playbook did not sign in"
sign_in NEW_PASSWORD
refused OLD_PASSWORD

say "Both at once, with a password that is made and kept in a key vault: no person and no file has it."
play "${reset[@]}" -e reset=both -e generate=true -e vault_name=access-passwords
# shellcheck disable=SC2034  # read by its name, as ${!1}
VAULT_PASSWORD=$(python - <<'END'
from azure.identity import ClientSecretCredential
from azure.keyvault.secrets import SecretClient
from os import environ

credential = ClientSecretCredential(environ["AZURE_TENANT"], environ["AZURE_CLIENT_ID"], environ["AZURE_SECRET"])
print(SecretClient("https://access-passwords.vault.azure.net/", credential).get_secret("password-win1").value)
END
)
sign_in VAULT_PASSWORD
refused NEW_PASSWORD

for name in OLD_PASSWORD NEW_PASSWORD VAULT_PASSWORD; do
    ! grep -rqF --exclude=env.sh --exclude-dir=principals -f <(printf '%s' "${!name}") "$work" || die "$name was written to a file"
done

say "Done: Remote Desktop answers, the VM takes the new password only, and no password was printed."

# What the demos have in common; sourced from the root of the clone. The caller starts the local Azure in $work/azure.
# shellcheck shell=bash

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

# What the play says is in $work/output afterwards, what all have said in $work/outputs.
play() {
    printf '   $ ansible-playbook %s\n' "$*"
    ansible-playbook "$@" | tee "$work/output" | tee -a "$work/outputs"
}

requests() { local-azure journal --since "$1" >"$work/journal"; wc -l <"$work/journal"; }

# Of the requests last counted those that write: all but reading and signing in.
writes() { grep -Ev '"method": "(GET|HEAD)"|"host": "login\.' "$work/journal" || true; }

# Fails unless the last play changed nothing, by its own account and by the journal's.
nothing_changed() {
    local recap
    recap=$(sed '1,/^PLAY RECAP/d' "$work/output" | grep -E 'changed=[0-9]') || die "the run has no recap"
    ! grep -vqE ' changed=0 +unreachable=0 +failed=0 ' <<<"$recap" || die "the run changed something"
    [ -z "$(writes)" ] || die "the run wrote to Azure: $(writes)"
}

#!/usr/bin/env bash
# Builds .venv: everything the playbooks, the local Azure and the checks need, with azvm.access resolving to this clone.
# Does nothing when the last build is still good. PYTHON=/path/to/python3.12 chooses the interpreter of a new one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
venv=.venv
stamp=$venv/.built

say() { printf 'venv: %s\n' "$*"; }
die() { say "$*" >&2; exit 1; }

# What the build depends on; the path is in it because installed commands hold the absolute path of their interpreter.
fingerprint() {
    pwd
    cat requirements.txt requirements-dev.txt tests/local_azure/pyproject.toml scripts/venv.sh | sha256sum
}

# Prints the real path of the first interpreter that is new enough. A version manager's shim may exist and still not run.
find_python() {
    local name
    for name in ${PYTHON:-python3 python3.11 python3.12 python3.13 python3.14}; do
        "$name" -c 'import sys; sys.version_info >= (3, 11) or sys.exit(1); print(sys.executable)' 2>/dev/null && return
    done
    return 1
}

# Debian and Ubuntu keep the standard library's ensurepip in a package of its own.
need_ensurepip() {
    local python=$1 package
    "$python" -c 'import venv; from ensurepip import bootstrap' 2>/dev/null && return
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "installing the package $package, which this Python needs to make virtual environments"
        { apt-get update -qq &&
            DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package"; } >/dev/null ||
            say "apt-get could not install $package"
    fi
    "$python" -c 'import venv; from ensurepip import bootstrap' 2>/dev/null ||
        die "$python cannot make virtual environments; run 'sudo apt-get install $package', then try again"
}

wanted=$(fingerprint)
if [ -x $venv/bin/python ] && $venv/bin/python -c '' 2>/dev/null; then
    [ "$(cat $stamp 2>/dev/null)" != "$wanted" ] || exit 0
    # A moved clone or an unfinished build: nothing in the old environment can be kept.
    [ "$(head -n 1 $stamp 2>/dev/null)" = "$(head -n 1 <<<"$wanted")" ] || rm -rf $venv
else
    rm -rf $venv
fi
rm -f $stamp

if [ ! -d $venv ]; then
    python=$(find_python) || die "no Python 3.11 or newer found; install one, or name it: make venv PYTHON=/path/to/python3"
    need_ensurepip "$python"
    say "making $venv with $python ($("$python" -c 'import platform; print(platform.python_version())'))"
    "$python" -m venv $venv
fi

say "installing the packages (a minute or two)"
$venv/bin/python -m pip install --quiet --disable-pip-version-check \
    --requirement requirements.txt --requirement requirements-dev.txt --editable tests/local_azure

# ansible_collections.azvm.access is this clone, for Ansible (ansible.cfg) as for Python.
mkdir -p $venv/collections/ansible_collections/azvm
ln -sfn ../../../.. $venv/collections/ansible_collections/azvm/access
site=$($venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
printf '%s\n' "$PWD/$venv/collections" >"$site/azvm_access.pth"

printf '%s\n' "$wanted" >$stamp
say "ready"

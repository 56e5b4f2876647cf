#!/usr/bin/env bash
# Installs the packages of jobs/packages.txt that are missing (Debian 12 or a relative, as root or with sudo).
# Does nothing, quickly, when all are there.
#   jobs/install.sh [tests]     tests: those of jobs/packages-tests.txt as well
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

case $* in
  '') lists=(jobs/packages.txt) ;;
  tests) lists=(jobs/packages.txt jobs/packages-tests.txt) ;;
  *) fail "usage: jobs/install.sh [tests], got '$*'" ;;
esac

explain_by_hand() {
  fail "$1
  Install these packages by hand (${lists[*]} say what each is for) and start again:
    ${missing[*]:-all that are named there}"
}

list_missing() {
  local package
  sed 's/[[:space:]]*#.*//; /^$/d' "${lists[@]}" | while read -r package; do
    [[ $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) == 'install ok installed' ]] || echo "$package"
  done
}

command -v dpkg-query >/dev/null || explain_by_hand "this system has no dpkg; only Debian's packages are known here."
mapfile -t missing < <(list_missing)
if ((${#missing[@]} == 0)); then
  exit 0
fi

as_root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null || explain_by_hand "packages are missing; only root can install them, and there is no sudo."
  as_root=(sudo)
  # Without a terminal nobody could type a password: fail at once instead of waiting.
  [[ -t 2 ]] || as_root+=(--non-interactive)
  "${as_root[@]}" true || explain_by_hand "packages are missing, and sudo did not let $(id -un) install them."
fi

# Some test packages bring services, which tests start and stop by themselves. Debian asks this file before it starts
# any; where somebody has made one already, that one stands.
policy=/usr/sbin/policy-rc.d
keep_services_off() {
  [[ ! -e $policy ]] || return 0
  trap '"${as_root[@]}" rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
}

# The lock is waited for, because another install may be running.
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 --quiet)
log=build/install.log

say "install ${#missing[@]} missing package(s), log in $log: ${missing[*]}"
mkdir -p build
keep_services_off
# A source list that does not answer is not a reason to stop: the packages may come from another one.
"${apt[@]}" update </dev/null >"$log" 2>&1 || say "apt-get update failed; going on with the package lists at hand"
if ! "${apt[@]}" install --yes --no-install-recommends "${missing[@]}" </dev/null >>"$log" 2>&1; then
  tail -n 20 "$log" >&2
  explain_by_hand "apt-get could not install what is missing (see above). Offline, or another release than Debian 12?"
fi

mapfile -t missing < <(list_missing)
((${#missing[@]} == 0)) || explain_by_hand "apt-get ended well, yet packages are missing."
say "installed"

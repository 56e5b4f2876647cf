#!/usr/bin/env bash
# The README's two commands on Debian 13, whose libraries are newer (oneDNN 3, Open MPI 5, HDF5 1.14, GCC 14), in a chroot
# on this machine. By hand and as root: it takes about 2 GB, the network, and half an hour on two cores.
#   jobs/debian13.sh FOLDER [COMMAND...]   e.g. jobs/debian13.sh /var/tmp/debian13 jobs/test.sh --fast
#
#   FOLDER    an empty or missing folder, or the one of an earlier call, whose system is used again
#   COMMAND   what to run in the clone of this project's last commit; without one, jobs/quickstart.sh and jobs/test.sh
#   MIRROR    where packages come from (http://deb.debian.org/debian)
started_in=$PWD
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

if (($# == 0)) || [[ $1 == -* ]]; then fail "usage: jobs/debian13.sh FOLDER [COMMAND...]"; fi
((EUID == 0)) || fail "a chroot needs root: try sudo jobs/debian13.sh $*"
command -v debootstrap >/dev/null || fail "debootstrap is missing: apt-get install debootstrap"
root=$(cd "$started_in" && realpath -m "$1")
shift
[[ $root != / ]] || fail "/ is this system itself; name an empty folder"

if [[ ! -e $root/etc/debian_version ]]; then
  [[ -z $(ls -A "$root" 2>/dev/null) ]] || fail "$root is neither empty nor a Debian system"
  mkdir -p "$root"
  run_logged "build/debian13.log" debootstrap --variant=minbase --include=ca-certificates trixie "$root" \
    "${MIRROR:-http://deb.debian.org/debian}"
fi
[[ $(<"$root/etc/debian_version") == 13* ]] || fail "$root holds Debian $(<"$root/etc/debian_version"), not 13"

# In a mount namespace of its own, so that nothing stays mounted, whatever happens. Shared memory of its own, too.
# shellcheck disable=SC2016  # expanded by the shell that runs it
in_chroot='
set -e
mount --make-rprivate /
mount -t proc proc "$0/proc"
mount --rbind /sys "$0/sys"
mount --rbind /dev "$0/dev"
mount -t tmpfs tmpfs "$0/dev/shm"
root=$0
exec chroot "$root" /bin/bash -c "cd /root/annulus && exec \"\$@\"" bash "$@"
'
run_inside() { unshare --mount /bin/sh -c "$in_chroot" "$root" env -i HOME=/root LANG=C.UTF-8 PATH="$PATH" "$@"; }

rm -rf "$root/root/annulus"
git clone --quiet "$PWD" "$root/root/annulus"
cp /etc/resolv.conf "$root/etc/resolv.conf"
if (($#)); then
  run_inside "$@"
else
  run_inside jobs/quickstart.sh
  run_inside jobs/test.sh
fi

#!/usr/bin/env bash
# Has an archive of pack.sh all that a bare machine lacks? First by the tables of its files; then, with ROOT, in a
# system without network, MPI or HDF5, to which CUDA's libraries are lent: only the NVIDIA driver may be missing there.
# check_pack.sh ARCHIVE.tar.xz [ROOT]
#   ROOT  folder of a minimal system; made by debootstrap where there is none. Wants root, and changes nothing but ROOT
# Environment: SUITE (bookworm), MIRROR (http://deb.debian.org/debian), DEBOOTSTRAP (debootstrap)
set -uo pipefail
if (($# < 1 || $# > 2)) || [[ $1 == -* ]]; then sed -n '2,6s/^# //p' "$0" >&2; exit 2; fi
script=$(realpath "${BASH_SOURCE[0]}") archive=$(realpath "$1") root=${2:+$(realpath -m "$2")}
# shellcheck source=bench/gpu/library_names.sh
source "$(dirname "$script")/library_names.sh"
wrong=0
good() { printf 'ok       %s\n' "$*"; }
bad() { ((++wrong)); printf 'FAILURE  %s\n' "$*"; }

if [[ -n $root && ${IN_A_NAMESPACE:-} != yes ]]; then
  ((EUID == 0)) || { bad "a bare system wants root rights; run this as root, or without ROOT"; exit 1; }
  if [[ ! -x $root/bin/sh ]]; then
    mkdir -p "$root"
    "${DEBOOTSTRAP:-debootstrap}" --variant=minbase "${SUITE:-bookworm}" "$root" \
      "${MIRROR:-http://deb.debian.org/debian}" >"$root.log" 2>&1 ||
      { tail -n 5 "$root.log"; bad "debootstrap made no bare system, see $root.log"; exit 1; }
  fi
  # Mounts, processes and a network of its own: nothing is left behind, and nothing can be fetched.
  IN_A_NAMESPACE=yes exec unshare --mount --pid --net --fork "$script" "$archive" "$root"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tar -xf "$archive" -C "$work" || exit 2
pack=$work/annulus-gpu

# 1. Whatever a file needs is there, or is the machine's.
needs=$(find "$pack" -type f \( -perm -u+x -o -name '*.so*' \) -exec objdump -p {} + 2>/dev/null |
  awk '$1 == "NEEDED" { print $2 }' | sed 's:.*/::' | sort -u)
missing=$(grep -vE "^($c_library|$nvidia)\.so" <<<"$needs" | while read -r name; do
  find "$pack" -name "$name" | grep -q . || echo "$name"; done)
carried=$(find "$pack" -name '*.so*' | sed 's:.*/::' | grep -E "^($c_library|$nvidia)\.so")
if [[ -z $needs || -n $missing ]]; then bad "tables: nothing brings ${missing:-any library}"; else
  good "tables: the C library and NVIDIA's apart, all $(wc -l <<<"$needs") libraries that files name are carried"; fi
if [[ -n $carried ]]; then bad "tables: is carried, but belongs to the machine: $carried"; fi

# 2. In a bare system.
# lend_cuda: NVIDIA's libraries of this machine into ROOT, file by file: other libraries may lie beside them.
lend_cuda() {
  local folder file to=$root/usr/local/cuda/lib64
  mount -t tmpfs none "$root/usr/local" && mkdir -p "$to" || return
  "$pack/run" ldd "$pack/bin/annulus" | awk '$3 ~ "^/" { print $3 }' | grep -E "/($nvidia)\.so" | xargs -n 1 dirname |
    sort -u | while read -r folder; do
    for file in "$folder"/lib*.so*; do
      [[ ${file##*/} =~ ^($nvidia)\.so ]] || continue
      touch "$to/${file##*/}"
      mount --bind "$(realpath "$file")" "$to/${file##*/}"
    done
  done
}
inside() {
  chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/bin:/bin sh -c "cd /mnt/annulus-gpu && $1" 2>&1
}

# report STATUS WHAT OUTPUT
report() {
  if (($1 == 0)); then good "$2"; return; fi
  bad "not so: $2"
  printf '         | %s\n' "${3//$'\n'/$'\n         | '}"
}

try_in_root() {
  local said lost
  mount --bind "$work" "$root/mnt" && mount -t proc none "$root/proc" && mount --rbind /dev "$root/dev" &&
    mount --rbind /sys "$root/sys" && mount -t tmpfs none "$root/dev/shm" || return
  ! command -v ip >/dev/null || ip link set lo up
  # shellcheck disable=SC2016  # the shell in there expands it
  lost=$(inside './run sh -c "ldd bin/annulus tests/*"' | awk '/not found/ { print $1 }' | sort -u)
  if [[ -z $lost || $(grep -cvE "^($nvidia)\.so" <<<"$lost") != 0 ]]; then
    bad "ldd: missing is ${lost:-nothing, not even CUDA: this is not a bare system}"
  else good "ldd: missing is $(paste -sd' ' <<<"$lost"), and nothing else"; fi

  lend_cuda || { bad "CUDA's libraries cannot be lent"; return; }
  said=$(inside './run sh -c "ldd bin/annulus tests/*"' | grep -E 'not found')
  if [[ -z $said ]]; then good "ldd: with CUDA lent, nothing is missing"; else bad "ldd: with CUDA lent: $said"; fi

  said=$(inside './run bin/annulus doctor') && [[ $(grep -c -vE '^ok ' <<<"$said") == 1 ]] &&
    [[ $said == *'warning  GPU          There is no NVIDIA driver'* ]]
  report $? "doctor: only the NVIDIA driver is missing" "$said"

  said=$(inside './run mpirun -n 2 --bind-to none --oversubscribe bin/annulus train configs/cifar10.yaml \
    device.kind=cpu data.limit=512 epochs=2 --run /tmp/annulus-check --resume none') &&
    [[ $said == *'2 rank(s)'*'Done: 8 steps'* ]]
  report $? "mpirun: two ranks train for eight steps" "$said"
  rm -rf "$root/tmp/annulus-check"

  for call in first second; do
    said=$(inside "bench/gpu/first_run.sh --short $call /tmp/annulus-short >/dev/null 2>&1
      cat /tmp/annulus-short/summary.txt")
    [[ $said =~ ' s: 0 failed, '([0-9]+)' skipped, '([0-9]+)' failed for want of a GPU' ]] && ((BASH_REMATCH[2] > 0))
    report $? "the $call call: ${BASH_REMATCH[2]:-?} steps fail for want of a driver alone, ${BASH_REMATCH[1]:-?} \
are skipped" "$said"
    rm -rf "$root/tmp/annulus-short"
  done
}

if [[ -n $root ]]; then
  try_in_root || bad "$root cannot be prepared: the mounts failed"
fi
((wrong == 0))

#!/usr/bin/env bash
# Starts a program with the libraries that lie beside this script; pack.sh puts it into its archive as `run`.
# run PROGRAM WORD...      e.g. ./run bin/annulus doctor, ./run mpirun -n 2 bin/annulus train ...
# ANNULUS_CUDA_LIBRARIES=FOLDER[:FOLDER...] says where CUDA, cuDNN and NCCL are, `python` means the packages of PYTHON
# (python3); what is in none of these is taken from the linker's list, else searched for, there as well.
set -uo pipefail
if (($# == 0)) || [[ $1 == -* ]]; then sed -n '2,5s/^# //p' "$0" >&2; exit 2; fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) || exit 2
PATH+=:/usr/sbin:/sbin # ldconfig
known=$(ldconfig -p 2>/dev/null)

# place_of NAME: the library that the linker would take on this machine, or nothing.
place_of() { awk -v name="$1" '$1 == name && /x86-64|AArch64/ { print $NF; exit }' <<<"$known"; }

# The newer one of the C++ runtimes serves both: what was built with an older one runs with it, not the other way round.
newest_symbols() { grep -aoE 'GLIBCXX_3\.4\.[0-9]+' "$1" 2>/dev/null | sort -V | tail -n 1; }
folders=$here/lib
theirs=$(place_of libstdc++.so.6)
ours=$here/lib/gcc/libstdc++.so.6
if [[ -f $ours ]]; then
  newest=$(printf '%s\n' "$(newest_symbols "${theirs:-/dev/null}")" "$(newest_symbols "$ours")" | sort -V | tail -n 1)
  if [[ -z $theirs || $newest != "$(newest_symbols "$theirs")" ]]; then folders=$here/lib/gcc:$folders; fi
fi

# NVIDIA's libraries: those that were named, then the linker's own, which need no folder, then the usual places.
wheels() {
  "${PYTHON:-python3}" -c 'import glob, sysconfig
for folder in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
    print(*sorted(glob.glob(folder + "/nvidia/*/lib")), sep="\n")' 2>/dev/null | grep .
}
named=${ANNULUS_CUDA_LIBRARIES:-}
[[ $named != python ]] || named=$(wheels | paste -sd:)
searched=''
add_nvidia() {
  local name=$1 folder
  while read -r -d : folder; do [[ ! -e $folder/$name ]] || return 0; done <<<"$named:"
  [[ -z $(place_of "$name") ]] || return 0
  [[ -n $searched ]] || searched=$(
    printf '%s\n' /usr/local/nvidia/lib{64,} /usr/lib/wsl/lib /usr/local/cuda{,-*}/lib{64,} \
      /usr/local/cuda{,-*}/targets/*/lib /opt/cuda/lib64
    wheels)
  while read -r folder; do
    [[ -e $folder/$name ]] || continue
    [[ :$folders: == *:$folder:* ]] || folders+=:$folder
    return 0
  done <<<"$searched"
}
folders+=${named:+:$named}
while read -r name; do add_nvidia "$name"; done < <(cat "$here/lib/nvidia.txt" 2>/dev/null)

export LD_LIBRARY_PATH=$folders${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
if [[ -d $here/openmpi ]]; then # was built for other folders, and is to stay on this machine
  export PATH=$here/openmpi/bin:$PATH OPAL_PREFIX=$here/openmpi PMIX_INSTALL_PREFIX=$here/pmix
  export OMPI_MCA_mca_base_component_path=$here/openmpi/lib/openmpi PMIX_MCA_mca_base_component_path=$here/pmix/lib/pmix
  export OMPI_MCA_plm=isolated OMPI_MCA_btl_tcp_if_include=lo OMPI_MCA_oob_tcp_if_include=lo
  if ((EUID == 0)); then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
fi
exec "$@"

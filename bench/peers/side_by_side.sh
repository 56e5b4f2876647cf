#!/usr/bin/env bash
# The tables of docs/performance.md: annulus against PyTorch, whole products (data in memory, augmentation, metrics),
# in turns on this machine. side_by_side.sh PROGRAM DATASET.h5 NEWEST_PYTHON OUTPUT_FOLDER [ROUNDS]
#   PROGRAM        build/release/bin/annulus
#   NEWEST_PYTHON  a python with the newest torch; /usr/bin/python3 must have Debian's
set -euo pipefail
program=$(realpath "$1") dataset=$(realpath "$2") newest=$3
mkdir -p "$4"
output=$(realpath "$4")
rounds=${5:-5}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
configs=$(realpath "$here/../../configs")
cd "$here"

# Open MPI refuses root unless told twice; the comparison may well run as root on a rented machine.
if ((EUID == 0)); then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi

# annulus_line NETWORK THREADS [RANKS]: one shard a thread or rank, data and augmentation as the peers'.
annulus_line() {
  local ranks=${3:-1}
  local shards=$(($2 * ranks))
  local config=$configs/cifar10.yaml data="data.path=$dataset"
  if [[ $1 == rich ]]; then
    config=$configs/rich_lecture.yaml data=--synthetic
  fi
  echo "$program bench step $config $data batch.size=$((128 * ranks)) batch.shards=$shards device.threads=$2 --seconds 1.5"
}

# peer_line PYTHON NETWORK THREADS [OPTION...]
peer_line() {
  local python=$1 network=$2 threads=$3
  shift 3
  local options="--network $network --batch 128 --threads $threads --metrics --source resident --seconds 1.5 $*"
  case $network in
    cifar10) options+=" --augment cifar10 --file $dataset" ;;
    *) options+=" --augment none" ;;
  esac
  echo "./tuned.sh $threads $python peer_pytorch.py $options"
}

# Which memory format suits PyTorch better depends on network and version: both take part, and the fastest of all
# PyTorch lines is what Annulus is divided by.
for network in cifar10 rich; do
  for threads in 1 2; do
    pin="" key="images_per_s" limit=0.06
    if ((threads == 1)); then pin="taskset -c 0" key=images_per_cpu_s limit=9; fi
    {
      for format in "" --channels-last; do
        echo "torch-1.13$format | $pin $(peer_line /usr/bin/python3 "$network" "$threads" $format)"
        echo "torch-newest$format | $pin $(peer_line "$newest" "$network" "$threads" $format)"
      done
      echo "annulus | $pin $(annulus_line "$network" "$threads")"
    } >"$output/$network-$threads.txt"
    echo "== $network, batch 128, $threads thread(s), $key"
    ./compare.py --rounds "$rounds" --key "$key" --foreign-limit "$limit" --base "torch*" \
      --output "$output/$network-$threads.jsonl" "$output/$network-$threads.txt"
  done
done

# Two processes of one thread, 128 images each.
{
  echo "torch-1.13-ddp | $(peer_line /usr/bin/python3 cifar10 1 --channels-last) --processes 2"
  echo "annulus-1-rank | taskset -c 0 $(annulus_line cifar10 1)"
  echo "annulus-2-ranks | mpirun -np 2 --bind-to core $(annulus_line cifar10 1 2)"
} >"$output/ranks.txt"
echo "== cifar10, 128 images per process, images_per_s"
./compare.py --rounds "$rounds" --key images_per_s --output "$output/ranks.jsonl" "$output/ranks.txt"

#!/usr/bin/env bash
# Photographs on a bare machine: installs, builds, gets CIFAR-10, trains the course's network on two ranks, evaluates.
# Safe to repeat: what is done is not done again, and an interrupted training goes on where it stopped.
#
#   ANNULUS_CIFAR10  archive or folder to take instead of searching and downloading
#   ANNULUS_EPOCHS   epochs to train (8)
#   ANNULUS_RANKS    ranks to train on (2)
#   ANNULUS_RUN      run directory (runs/cifar10)
# Arguments go to `annulus train`, e.g. optimizer.learning_rate=0.02
started_in=$PWD
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

epochs=${ANNULUS_EPOCHS:-8}
ranks=${ANNULUS_RANKS:-2}
run=${ANNULUS_RUN:-runs/cifar10}
dataset=data/cifar10.h5
# The official binary version, https://www.cs.toronto.edu/~kriz/cifar.html
url=https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz
md5=c32a1d4ab5d03f1284b67883e8d87530

# Prints the archive to import: the one named, else one found, else one downloaded.
find_archive() {
  local place name
  if [[ -n ${ANNULUS_CIFAR10:-} ]]; then
    local named=$ANNULUS_CIFAR10
    [[ $named == /* ]] || named=$started_in/$named
    [[ -e $named ]] || fail "ANNULUS_CIFAR10 names '$ANNULUS_CIFAR10', which does not exist.
  Mend the path, or unset it to have an archive found or downloaded."
    echo "$named"
    return
  fi
  for place in data data/cifar10 ../shared/data ../shared/data/cifar10; do
    for name in cifar-10-binary.tar.gz cifar10-images.tar.xz; do
      if [[ -f $place/$name ]]; then
        echo "$place/$name"
        return
      fi
    done
  done
  say "no archive named or found (170 MB to download)" >&2
  jobs/download.sh "$url" "$md5" data/cifar-10-binary.tar.gz >&2 ||
    fail "without data there is nothing to train on. Or fetch $url elsewhere and name the file:
    ANNULUS_CIFAR10=/path/to/cifar-10-binary.tar.gz jobs/cifar10.sh"
  echo data/cifar-10-binary.tar.gz
}

# Prints the importer for an archive or folder: "cifar10" for binary batches, "images" for class folders.
importer_of() {
  local names
  if [[ -d $1 ]]; then
    names=$(find "$1" -maxdepth 2)
  else
    # Only the beginning is looked at, so tar ends early and complains; the importer judges the archive.
    names=$(tar -tf "$1" 2>/dev/null | head -n 20 || true)
  fi
  case $names in
    *data_batch_1.bin* | *test_batch.bin*) echo cifar10 ;;
    *data_batch_1* | *test_batch*)
      fail "'$1' is the Python version of CIFAR-10 (pickled objects), which cannot be read.
  Name the binary version (cifar-10-binary.tar.gz) or class folders of images in ANNULUS_CIFAR10."
      ;;
    *) echo images ;;
  esac
}

get_data() {
  if [[ -f $dataset ]]; then
    say "use $dataset (delete it to import again)"
    return
  fi
  local archive importer
  archive=$(find_archive)
  importer=$(importer_of "$archive")
  say "import $archive into $dataset"
  mkdir -p data
  "$program" data import "$importer" "$archive" --output "$dataset"
}

jobs/install.sh
build release annulus
get_data
say "train configs/cifar10.yaml for $epochs epoch(s) on $ranks rank(s) into $run"
train_on "$ranks" "$run" configs/cifar10.yaml "data.path=$dataset" "epochs=$epochs" "$@"
say "evaluate the best model on the test images"
"$program" evaluate "$run"

cat <<END

Done.
  run          $run
  model        $run/checkpoints/best
  curves       $run/metrics.jsonl, or: tensorboard --logdir $run
  data         $dataset
  log of build build/release.log
Next:
  $program summary configs/cifar10.yaml
  ANNULUS_RUN=runs/longer ANNULUS_EPOCHS=30 jobs/cifar10.sh
END

#!/usr/bin/env bash
# From a bare machine to identified particles: installs, builds, simulates events of two RICH detectors, reconstructs
# them with the classical likelihood, trains the course's network on two ranks, and compares both on the same tracks.
# Nothing is downloaded but packages. Safe to repeat: what is done is not done again, and an interrupted training goes
# on where it stopped.
#
#   ANNULUS_EVENTS  events to simulate, of 30 tracks each (2500)
#   ANNULUS_EPOCHS  epochs to train (6)
#   ANNULUS_RANKS   ranks to work on (2)
#   ANNULUS_RUN     run directory (runs/quickstart)
# Arguments go to `annulus train`, e.g. optimizer.learning_rate=0.002
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

events=${ANNULUS_EVENTS:-2500}
epochs=${ANNULUS_EPOCHS:-6}
ranks=${ANNULUS_RANKS:-2}
run=${ANNULUS_RUN:-runs/quickstart}
config=configs/rich_lecture.yaml
dataset=data/rich-$events.h5
pictures=$run/pictures

simulate() {
  if [[ -f $dataset ]]; then
    say "use $dataset (delete it to simulate again)"
    return
  fi
  say "simulate $events events of 30 tracks, and reconstruct them with the global likelihood"
  mkdir -p data
  # Under another name until the likelihood is in it too.
  start_ranks "$ranks" "$program" rich simulate tracks=30 --events "$events" --seed 1 \
    --output "$dataset.simulated" --replace
  start_ranks "$ranks" "$program" rich reconstruct "$dataset.simulated"
  mv "$dataset.simulated" "$dataset"
}

compare() {
  say "network and likelihood on the same test tracks"
  "$program" rich table "$run"
  say "the network's table as in the course"
  "$program" rich table "$run" --style lecture
  say "pictures"
  mkdir -p "$pictures"
  "$program" rich curves "$run" --output "$pictures" --replace
  "$program" rich display "$dataset" 0 --output "$pictures/event-0.png" --replace
}

jobs/install.sh
build release annulus
simulate
say "train $config for $epochs epoch(s) on $ranks rank(s) into $run"
train_on "$ranks" "$run" "$config" "data.path=$dataset" "epochs=$epochs" "$@"
compare

cat <<END

Done in $((SECONDS / 60)) min $((SECONDS % 60)) s.
  run          $run
  model        $run/checkpoints/best
  curves       $run/metrics.jsonl, or: tensorboard --logdir $run
  pictures     $pictures: identification curves, hits and rings of an event
  events       $dataset
  log of build build/release.log
Next:
  $program summary $config
  $program train configs/rich.yaml data.path=$dataset     both detectors, and the momentum beside the images
  jobs/cifar10.sh                                         photographs instead of rings
END

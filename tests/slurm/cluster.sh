#!/usr/bin/env bash
# A private SLURM cluster on this machine: munge, controller and nodes, all below one folder, all on loopback. Each
# node is a slurmd with a host name and a /dev/shm of its own, so that ranks on two nodes are as far apart as on two
# machines. Needs root.
#   cluster.sh run FOLDER NODES [CPUS]    starts it, prints "ready", ends it when its standard input ends
#   cluster.sh kill|freeze|thaw FOLDER NODE    what may happen to a node: power cut, stall, and its end
#   cluster.sh start FOLDER NODE          switches a killed node on again
#   cluster.sh shell FOLDER NODE WORDS    runs them there as ssh would: by a shell, with an environment of its own
# Clients find it by SLURM_CONF=FOLDER/slurm.conf. FOLDER: short, as sockets lie in it, and open to others, as munge
# insists (so not below /root).
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

fail() {
  printf 'cluster.sh: %s\n' "$*" >&2
  exit 1
}

# until_true TENTHS COMMAND...: repeats it until it succeeds, for so many tenths of a second.
until_true() {
  local left=$1
  shift
  until "$@"; do
    ((left-- > 0)) || return 1
    sleep 0.1
  done
}

# Several clusters may run at once: a range of ports where nobody listens.
free_ports() {
  local base port taken
  for _ in {1..50}; do
    base=$((20000 + RANDOM % 10000)) taken=0
    for ((port = base; port <= base + nodes; ++port)); do
      if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then taken=1; fi
    done
    if ((!taken)); then
      echo "$base"
      return
    fi
  done
  fail "found no free ports"
}

write_configuration() {
  local port node host
  host=$(hostname -s) port=$(free_ports)
  {
    # cred_expire is how long a requeued job has to wait, and less than 5 counts as unset (120); sched_interval and
    # bf_interval are how often somebody looks for work.
    cat <<END
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CryptoType=crypto/munge
AuthInfo=socket=$folder/munge.socket,cred_expire=5
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPidFile=$folder/slurmctld.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdPidFile=$folder/slurmd.%n.pid
SlurmdLogFile=$folder/slurmd.%n.log
SlurmdSpoolDir=$folder/spool.%n
TmpFS=$folder/tmp.%n
StateSaveLocation=$folder/state
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=$folder/jobs.txt
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,sched_min_interval=0,batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
ReturnToService=2
KillWait=${CLUSTER_KILL_WAIT:-10}
SlurmctldTimeout=10
SlurmdTimeout=10
InactiveLimit=0
Waittime=0
MinJobAge=600
MailProg=/bin/true
END
    for node in $(node_names); do
      printf 'NodeName=%s NodeAddr=127.0.0.1 NodeHostname=%s Port=%d CPUs=%d Sockets=1 CoresPerSocket=%d ' \
        "$node" "$host" $((++port)) "$cpus" "$cpus"
      printf 'ThreadsPerCore=1 RealMemory=8000 State=UNKNOWN\n'
    done
    echo 'PartitionName=normal Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1 PreemptMode=REQUEUE'
    echo 'PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF'
  } >"$folder/slurm.conf"
}

node_names() { seq -f 'n%.0f' 1 "$nodes"; }

start_node() {
  local node=$1
  # What a killed step has left there would make the next one fail.
  rm -rf "$folder/tmp.$node" "$folder/spool.$node"
  mkdir -p "$folder/tmp.$node" "$folder/spool.$node"
  # shellcheck disable=SC2016  # the inner shell expands it
  unshare --mount --uts --propagation private bash -euc '
    hostname "$1"
    mount -t tmpfs shm /dev/shm
    mount --bind "$2/hosts" /etc/hosts
    exec slurmd -N "$1" -f "$2/slurm.conf"' - "$node" "$folder" </dev/null
  until_true 50 test -s "$folder/slurmd.$node.pid" || fail "node $node did not start, see $folder/slurmd.$node.log"
  readlink "/proc/$(<"$folder/slurmd.$node.pid")/ns/uts" >"$folder/$node.namespace"
}

# Everything that runs on a node, by the namespace of its host name.
processes_of() {
  local process namespace
  namespace=$(<"$folder/$1.namespace")
  for process in /proc/[0-9]*; do
    if [[ $(readlink "$process/ns/uts" 2>/dev/null) == "$namespace" ]]; then echo "${process#/proc/}"; fi
  done
}

signal_node() {
  local processes
  mapfile -t processes < <(processes_of "$2")
  ((${#processes[@]} == 0)) || kill "-$1" "${processes[@]}" 2>/dev/null || true
}

# A zombie has ended too.
has_ended() {
  local state
  state=$(awk '/^State/ {print $2}' "/proc/$1/status" 2>/dev/null) || return 0
  [[ -z $state || $state == Z ]]
}

stop_daemon() {
  local pid
  [[ -s $1 ]] || return 0
  pid=$(<"$1")
  kill -TERM "$pid" 2>/dev/null || return 0
  until_true 50 has_ended "$pid" || kill -KILL "$pid" 2>/dev/null || true
}

no_jobs() { [[ -z $(squeue --noheader 2>/dev/null) ]]; }
all_idle() { (($(sinfo --noheader --Node --partition=normal --states=idle --format=%N 2>/dev/null | wc -l) == nodes)); }

down() {
  trap '' EXIT HUP INT TERM
  scancel --user=root 2>/dev/null || true
  until_true 30 no_jobs || true
  local node
  for node in $(node_names); do [[ ! -f $folder/$node.namespace ]] || signal_node KILL "$node"; done
  stop_daemon "$folder/slurmctld.pid"
  stop_daemon "$folder/munged.pid"
}

run() {
  local program
  ((EUID == 0)) || fail "only root may start nodes"
  for program in munged slurmctld slurmd srun unshare; do
    command -v "$program" >/dev/null || fail "there is no $program (jobs/install.sh tests)"
  done
  mkdir -p "$folder/state"
  chmod 755 "$folder"
  (umask 077 && head -c 128 /dev/urandom >"$folder/munge.key")
  write_configuration
  {
    cat /etc/hosts
    node_names | sed 's/^/127.0.0.1 /'
  } >"$folder/hosts"
  trap down EXIT
  trap 'exit 1' HUP INT TERM
  munged --socket="$folder/munge.socket" --key-file="$folder/munge.key" --pid-file="$folder/munged.pid" \
    --log-file="$folder/munged.log" --seed-file="$folder/munge.seed" </dev/null
  slurmctld -c -f "$folder/slurm.conf" </dev/null
  local node
  for node in $(node_names); do start_node "$node"; done
  until_true 150 all_idle || fail "the nodes did not come up, see $folder/slurmctld.log"
  echo ready
  cat >/dev/null
}

(($# >= 3)) || fail "usage: see the head of $0"
verb=$1 folder=$(mkdir -p "$2" && cd "$2" && pwd)
export SLURM_CONF=$folder/slurm.conf
case $verb in
  run)
    nodes=$3 cpus=${4:-2}
    run
    ;;
  kill)
    signal_node KILL "$3"
    rm -f "$folder/slurmd.$3.pid"
    ;;
  freeze) signal_node STOP "$3" ;;
  thaw) signal_node CONT "$3" ;;
  start) start_node "$3" ;;
  shell)
    node=$3
    shift 3
    exec nsenter --target "$(<"$folder/slurmd.$node.pid")" --uts --mount env -i HOME=/root PATH="$PATH" sh -c "$*"
    ;;
  *) fail "there is no '$verb'" ;;
esac

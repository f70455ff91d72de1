# What the job scripts ringflash.sbatch, ringflash.pbs and ringflash-mpijob.yaml share: how many
# ranks a node gets, and a run that a signal interrupts and the next job continues. They source it.
# shellcheck shell=bash
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

# The exit code of a run that was interrupted and has saved what it had.
interrupted_code=75

# mpirun and its daemons are to notice within a minute that a host is gone, which ends the job. By
# default that takes them eight minutes; ringflash's stall timeout comes before that, and mpirun
# then tells the daemon that is gone to end, and waits for it for as long as TCP goes on trying.
export OMPI_MCA_oob_tcp_keepalive_time=${OMPI_MCA_oob_tcp_keepalive_time:-30}
export OMPI_MCA_oob_tcp_keepalive_intvl=${OMPI_MCA_oob_tcp_keepalive_intvl:-10}
export OMPI_MCA_oob_tcp_keepalive_probes=${OMPI_MCA_oob_tcp_keepalive_probes:-3}

# count_places COLUMNS: how many different sockets, NUMA domains (NODE) or cores (CORE,SOCKET) the
# CPUs have that this process may use; 1 where lscpu knows none.
count_places() {
  local count
  count=$(lscpu --parse="CPU,$1" 2>/dev/null | grep -v '^#' |
    awk -F, 'NR == FNR { usable[$1] = 1; next }
      $1 in usable { sub(/^[0-9]+,/, ""); if (!($0 in seen)) { seen[$0] = 1; count++ } }
      END { print count + 0 }' <(usable_cpus) -) || count=0
  echo $((count > 0 ? count : 1))
}

# divide_node CPUS RANK_PER [RANKS]: divides that many CPUs of this node, as the batch system counts
# them, among a rank for each `numa` domain, each `socket`, or the `node`, or among so many ranks.
# Sets `ranks_per_node`, `cpus_per_rank` and `threads`. A thread is a core: two hardware threads of
# one core share the units that multiply.
divide_node() {
  local cpus=$1 cores
  case ${3:-$2} in
    numa) ranks_per_node=$(count_places NODE) ;;
    socket) ranks_per_node=$(count_places SOCKET) ;;
    node) ranks_per_node=1 ;;
    *[!0-9]* | 0*) fail "a rank for each 'numa' domain, 'socket' or 'node', not '${3:-$2}'" ;;
    *) ranks_per_node=${3:-$2} ;;
  esac
  ranks_per_node=$((ranks_per_node < cpus ? ranks_per_node : cpus))
  cpus_per_rank=$((cpus / ranks_per_node))
  cores=$(($(count_places CORE,SOCKET) / ranks_per_node))
  threads=$((cores < cpus_per_rank ? cores : cpus_per_rank))
  threads=$((threads > 0 ? threads : 1))
}

# use_saved FOLDER [OPTIONS...]: sets `arguments` to these options of ringflash and what makes it
# save into the folder, or go on from it where it has a saved context. That one says what the
# context is, so the options that say so are left out then. With --append, --resume names another folder,
# of the context that this one extends. With --cache, the cache has what was saved. Sets `watched` to the
# folder in which that is.
use_saved() {
  local folder=$1 option extends='' cache='' previous=''
  shift
  for option; do
    if [[ $option == --append* ]]; then extends=yes; fi
    if [[ $previous == --cache ]]; then cache=$option; fi
    if [[ $option == --cache=* ]]; then cache=${option#*=}; fi
    previous=$option
  done
  for option; do
    case ${option%%=*}$extends in
      --save* | --resume)
        fail "${option%%=*} is chosen by the job script; name the folder in RINGFLASH_SAVED"
        ;;
      --logits-all*)
        fail "a saved context has no logits of every position; leave out --logits-all"
        ;;
    esac
  done
  watched=${cache:-$folder}
  if [[ -n $cache ]]; then
    arguments=("$@")
    return
  fi
  if [[ ! -f $folder/manifest.json ]]; then
    arguments=("$@" --save "$folder")
    return
  fi
  arguments=()
  while (($# > 0)); do
    case $1 in
      --context | --token-ids | --messages | --system | --template-variable | --resume | --append | \
        --append-token-ids | --passed)
        shift $(($# > 1 ? 2 : 1))
        ;;
      --context=* | --token-ids=* | --messages=* | --system=* | --template-variable=* | --chat) shift ;;
      --resume=* | --append=* | --append-token-ids=* | --passed=*) shift ;;
      *) arguments+=("$1") && shift ;;
    esac
  done
  arguments+=(--resume "$folder")
}

# state_of FOLDER: of what is saved in it, or in the folders of a cache.
state_of() { cat -- "$1"/manifest.json "$1"/*/manifest.json 2>/dev/null | cksum; }

# run_resumable FOLDER LAUNCHER... -- PROGRAM [OPTIONS...]: runs the program with these options and
# those of use_saved, and ends with its exit code. SIGUSR1, SIGTERM and SIGINT reach the ranks as
# SIGUSR1: ringflash then saves and ends with 75. srun and mpirun pass that one on, while at SIGTERM
# mpirun kills its ranks after a second (its odls_base_sigkill_timeout, which it also waits whenever
# a job ends badly). Sets `received` to the last signal, and `advanced` if the folder holds more
# than before.
run_resumable() {
  local folder=$1 start=() program before status child signal again
  shift
  while (($# > 0)) && [[ $1 != -- ]]; do start+=("$1") && shift; done
  (($# > 1)) || fail "run_resumable: no program stands after '--'"
  program=$2
  shift 2
  use_saved "$folder" "$@"
  before=$(state_of "$watched")

  received=
  advanced=
  child=
  for signal in USR1 TERM INT; do
    # shellcheck disable=SC2064 # The signal's name is meant now.
    trap "received=$signal again=yes; kill -USR1 \$child 2>/dev/null || true" "$signal"
  done
  "${start[@]}" "$program" "${arguments[@]}" &
  child=$!
  # A signal that came before there was a child has not reached it.
  if [[ -n $received ]]; then kill -USR1 "$child" 2>/dev/null || true; fi
  while :; do
    again=
    status=0
    wait "$child" || status=$?
    [[ -n $again ]] || break
  done
  trap - USR1 TERM INT

  if [[ $(state_of "$watched") != "$before" ]]; then advanced=yes; fi
  # A launcher that sees the first rank leave with 75 may end the others before they have left.
  if ((status > 128)) && [[ -n $received && -n $advanced ]]; then status=$interrupted_code; fi
  return "$status"
}

# may_go_on STATUS FOLDER: whether another job is to continue the run that has just ended so. One
# that was told to end by other means than the warning before its limit is not wanted any more, and
# one that got no further would do the same again.
may_go_on() {
  (($1 == interrupted_code)) && [[ $received == USR1 ]] || return 1
  [[ -n $advanced ]] && return
  say "${0##*/}: the run finished not one layer more before its limit, so it is not" \
    "started again. With more time, more ranks or fewer tokens to generate it can go on from $2"
  return 1
}

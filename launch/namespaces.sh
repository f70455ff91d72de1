# Several "hosts" made of this machine: network namespaces that a bridge joins, with an address and
# a name of their own. To Open MPI and to ringflash they are hosts that share no memory. The scripts
# that need them source this; it wants `folder`, a folder for its files.
# shellcheck shell=bash
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

# Of every host: its name, its address, and the cores that it may use.
hosts=()
addresses=()
cores=()
# Every host's end of its cable has the same name, so that one option of MPI names them all.
link=ring0
# Where the other ends are, port0 of the first host and so on, and the bridge between them.
switch="ring$$switch"
bridge=bridge0
namespaces=()
# mpirun, while it runs.
mpirun_pid=
# Control groups of hosts whose memory is limited.
groups=()

# Whether this process may make namespaces, and the kernel has what joins them.
namespaces_are_possible() {
  ((EUID == 0)) && has_command ip || return 1
  local name=probe$$ possible=1
  ip netns add "$name" 2>/dev/null || return 1
  if ip -n "$name" link add "$bridge" type bridge 2>/dev/null &&
    ip -n "$name" link add end0 type veth peer name end1 2>/dev/null; then
    possible=0
  fi
  ip netns del "$name"
  return "$possible"
}

# Ends what runs on the hosts, and removes them; their cables go with them. Only what this script
# made is touched: the namespaces' processes were all started by it. STATUS is the exit code of the
# script: mpirun has had an interrupt from a terminal already, and a second signal would make it
# leave at once.
take_down_hosts() { # STATUS
  local namespace pids attempt
  # mpirun ends its ranks and the daemons on the other hosts, given a moment.
  if [[ -n $mpirun_pid ]]; then
    for ((attempt = 0; attempt < 80; attempt++)); do
      if ((attempt == ($1 == 130 ? 30 : 0))); then kill -TERM "$mpirun_pid" 2>/dev/null || break; fi
      kill -0 "$mpirun_pid" 2>/dev/null || break
      sleep 0.1
    done
  fi
  for namespace in "${namespaces[@]}"; do
    for ((attempt = 0; attempt < 20; attempt++)); do
      pids=$(ip netns pids "$namespace" 2>/dev/null) || break
      [[ -n $pids ]] || break
      # shellcheck disable=SC2086 # One word a process.
      if ((attempt >= 10)); then kill -KILL $pids 2>/dev/null || true; fi
      sleep 0.1
    done
    ip netns del "$namespace" ||
      say "${0##*/}: the network namespace $namespace could not be removed"
  done
  namespaces=()
  # shellcheck disable=SC2154 # The script that sources this sets the folder.
  if mountpoint -q "$folder/groups"; then
    rmdir -- "${groups[@]}" || say "${0##*/}: control groups are left: ${groups[*]}"
    umount "$folder/groups"
  fi
}

# Every host gets a run of neighbouring cores; with fewer cores than hosts they take turns.
divide_cores() { # HOSTS
  local index all
  mapfile -t all < <(usable_cpus)
  cores=()
  if ((${#all[@]} < $1)); then
    say "${#all[@]} cores for $1 hosts: they take turns, and times say little about a network"
    for ((index = 0; index < $1; index++)); do cores+=("${all[index % ${#all[@]}]}"); done
    return
  fi
  local first last
  for ((index = 0; index < $1; index++)); do
    # Rounded up, so that the first host gets the odd one.
    first=$(((${#all[@]} * index + $1 - 1) / $1))
    last=$(((${#all[@]} * (index + 1) + $1 - 1) / $1))
    cores+=("$(IFS=, && echo "${all[*]:first:last-first}")")
  done
}

make_namespace() { # NAME
  ip netns add "$1" || fail "this system lets root make no network namespaces"
  namespaces+=("$1")
  ip -n "$1" link set lo up
}

# limit_link HOST RATE [DELAY]: limits what the host sends, and delays it, as tc writes both.
limit_link() {
  # What a sender may have in the queue: 50 ms at the limit, then TCP notices and waits.
  tc -n "$1" qdisc add dev "$link" root handle 1: tbf rate "$2" burst 256kb latency 50ms ||
    fail "the link could not be limited to '$2': no rate of tc, or no kernel module sch_tbf"
  [[ -n ${3:-} ]] || return 0
  tc -n "$1" qdisc add dev "$link" parent 1:1 handle 10: netem delay "$3" limit 100000 ||
    fail "no delay of '$3': no time of tc, or no kernel module sch_netem"
}

# make_hosts COUNT [RATE [DELAY]]: up to 26 hosts; rate and delay are those of what each one sends.
make_hosts() {
  local index host letters=abcdefghijklmnopqrstuvwxyz
  divide_cores "$1"
  make_namespace "$switch"
  ip -n "$switch" link add "$bridge" type bridge || fail "this kernel makes no bridge"
  ip -n "$switch" link set "$bridge" up
  for ((index = 0; index < $1; index++)); do
    # A name that no one else has: the process id is in it.
    host=ring$$${letters:index:1}
    hosts+=("$host")
    addresses+=("10.77.0.$((index + 1))")
    make_namespace "$host"
    ip link add "$link" netns "$host" type veth peer name "port$index" netns "$switch" ||
      fail "this kernel makes no pair of virtual Ethernet devices (module veth)"
    ip -n "$switch" link set "port$index" master "$bridge" up
    ip -n "$host" address add "${addresses[index]}/24" dev "$link"
    ip -n "$host" link set "$link" up
    if [[ -n ${2:-} ]]; then limit_link "$host" "$2" "${3:-}"; fi
  done
  write_agent
}

# cut_off INDEX: nothing passes between that host and the others any more. Neither end is told: it
# is as if the host had lost its power, or a switch on the way.
cut_off() { ip -n "$switch" link set "port$1" nomaster; }

join_again() { ip -n "$switch" link set "port$1" master "$bridge"; } # INDEX

# replace_file INDEX PATH OTHER: where the one file is, that host has the other from its next job on.
replace_file() {
  # shellcheck disable=SC2154 # The script that sources this sets the folder.
  printf 'mount --bind %q %q\n' "$3" "$2" >>"$folder/files-of-${hosts[$1]}"
}

# limit_memory INDEX BYTES: what all processes of that host's next jobs may have together. False where this
# system has no control groups that this process may make.
limit_memory() {
  local root=/sys/fs/cgroup/memory file=memory.limit_in_bytes group=$folder/groups/${hosts[$1]}
  [[ -d $root ]] || { root=/sys/fs/cgroup && file=memory.max; }
  # A host sees another /sys than this script.
  if ! mountpoint -q "$folder/groups"; then
    mkdir -p -- "$folder/groups" && mount --bind "$root" "$folder/groups" 2>/dev/null || return 1
  fi
  mkdir -- "$group" 2>/dev/null || return 1
  groups+=("$group")
  echo "$2" 2>/dev/null >"$group/$file" || return 1
}

equal_files() { rm -f -- "$folder"/files-of-*; } # On all hosts again.

# mpirun calls this as it would call ssh: an address, then words of a shell command.
write_agent() {
  local index
  agent=$folder/agent
  {
    echo '#!/usr/bin/env bash'
    # shellcheck disable=SC2016 # The agent expands it.
    echo 'case $1 in'
    for index in "${!hosts[@]}"; do
      echo "  ${addresses[index]}) host=${hosts[index]} cores=${cores[index]} ;;"
    done
    cat <<'AGENT'
  *) echo "no host has the address $1" >&2 && exit 1 ;;
esac
shift
# Standard input is the caller's. The host name is this command's own (unshare --uts), and so is what
# it mounts (ip netns exec).
files=$(dirname -- "$0")/files-of-$host
group=$(dirname -- "$0")/groups/$host/cgroup.procs
if [[ -w $group ]]; then echo $$ >"$group"; fi
exec ip netns exec "$host" unshare --uts taskset -c "$cores" bash -c \
  'hostname "$0" && if [[ -f $1 ]]; then . "$1"; fi && shift && eval "$*"' "$host" "$files" "$@"
AGENT
  } >"$agent"
  chmod +x "$agent"
}

# start_on_hosts SLOTS COMMAND...: starts the command on the hosts in the background, and sets
# `mpirun_pid`. SLOTS has a number of ranks for each host, such as "2 1 1"; those behind it are left
# out.
start_on_hosts() {
  local index slots list='' ranks=0 first=
  read -r -a slots <<<"$1"
  shift
  for index in "${!slots[@]}"; do
    first=${first:-${addresses[index]}}
    list+=${list:+,}${addresses[index]}:${slots[index]}
    ranks=$((ranks + slots[index]))
  done
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  # Open MPI takes the daemons' way (ssh, here the agent) even inside a batch job, and TCP over the
  # link, which it would else choose among other networks of the machine.
  local command=(mpirun --mca plm rsh --mca plm_rsh_agent "$folder/agent"
    --mca oob_tcp_if_include "$link" --mca btl_tcp_if_include "$link"
    --mca pml ob1 --mca btl "self,vader,tcp" --mca orte_tmpdir_base "$folder"
    --host "$list" -np "$ranks" --map-by slot --bind-to none --oversubscribe "$@")
  # In the background, for a signal to the script would otherwise wait until mpirun has ended.
  "$folder/agent" "$first" "exec $(printf '%q ' "${command[@]}")" <&0 &
  mpirun_pid=$!
}

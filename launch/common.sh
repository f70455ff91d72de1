# What the scripts beside this file share; they source it, it does nothing by itself.
# shellcheck shell=bash

project_root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck disable=SC2034 # The scripts that source this use it.
build_directory=$project_root/.build

say() { printf '%s\n' "$*" >&2; }

fail() {
  say "${0##*/}: error: $*"
  exit 1
}

# require_number NAME VALUE: ends the script unless VALUE is a whole number from 1 on.
require_number() {
  [[ $2 =~ ^[1-9][0-9]{0,8}$ ]] || fail "$1 must be a whole number from 1 on, not '$2'"
}

has_command() { command -v "$1" >/dev/null; }

require_swift() {
  local where="get Swift 6.2 or newer from https://www.swift.org/install/linux/ (no apt package has it)"
  has_command swift || fail "swift is not on the PATH; $where"
  local version
  version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1) || true
  [[ $version =~ ^([0-9]+)\.([0-9]+)$ ]] || fail "'swift --version' names no version; $where"
  ((BASH_REMATCH[1] * 1000 + BASH_REMATCH[2] >= 6002)) || fail "this Swift is $version; $where"
}

# What the build looks for with pkg-config, and the Debian packages that have it; and OpenBLAS, which
# is loaded where it multiplies.
libraries=(ompi-c libpcre2-8 libutf8proc libcrypto)
library_packages=(
  libopenmpi-dev openmpi-bin libopenblas0 libpcre2-dev libutf8proc-dev libssl-dev pkg-config
)

libraries_are_found() {
  has_command mpirun && has_command pkg-config && pkg-config --exists "${libraries[@]}"
}

# require_packages PACKAGE...: installs the Debian packages that are missing. Where that cannot be
# done, the libraries may have come another way: what pkg-config finds is good enough.
require_packages() {
  if ! has_command apt-get || ! has_command dpkg-query; then
    libraries_are_found || fail "Open MPI (with mpirun), PCRE2, utf8proc and libcrypto" \
      "with their headers, and pkg-config, are needed: 'pkg-config --exists ${libraries[*]}' must" \
      "succeed"
    return
  fi

  local package missing=()
  for package; do
    if [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) != installed ]]; then
      missing+=("$package")
    fi
  done
  ((${#missing[@]} > 0)) || return 0

  if ! can_install; then
    libraries_are_found && return
    fail "packages are missing, and neither root nor sudo is at hand; have this run as root:" \
      "apt-get update && apt-get install -y ${missing[*]}"
  fi
  install_packages "${missing[@]}" ||
    fail "apt-get could not install ${missing[*]}; its messages stand above"
}

can_install() { has_command apt-get && { ((EUID == 0)) || has_command sudo; }; }

# install_packages PACKAGE...: says whether apt-get installed them.
install_packages() {
  local as_root=()
  if ((EUID != 0)); then as_root=(sudo); fi
  say "installing $*"
  # The output goes to standard error: standard output is for results.
  {
    "${as_root[@]}" apt-get update -q &&
      "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends "$@"
  } >&2
}

# obtain_command COMMAND PACKAGE: installs the Debian package of a command that is missing; says
# whether the command is there now.
obtain_command() {
  has_command "$1" || { can_install && install_packages "$2" && has_command "$1"; }
}

require_command() { # COMMAND PACKAGE
  obtain_command "$1" "$2" || fail "$1 is needed (on Debian and Ubuntu: package $2)"
}

# use_ringflash PROGRAM: sets `ringflash` to that program, or where it is empty builds the project
# and sets it to what was built. Hosts of a cluster have the one, not what the other needs.
use_ringflash() {
  if [[ -n $1 ]]; then
    [[ -f $1 && -x $1 ]] || fail "--ringflash: '$1' is no program"
    has_command mpirun || has_command srun || fail "mpirun is not on the PATH"
    ringflash=$(realpath -- "$1")
    return
  fi
  require_swift
  require_packages "${library_packages[@]}"
  export_commit
  say "building ringflash (minutes the first time, seconds after that)"
  swift build --package-path "$project_root" -c release --product ringflash >&2 ||
    fail "ringflash could not be built; the compiler's messages stand above"
  # shellcheck disable=SC2034 # The scripts that source this use it.
  ringflash=$build_directory/release/ringflash
}

# The CPUs that this process may use, one a line.
usable_cpus() {
  local range cpu
  while read -r range; do
    for ((cpu = ${range%-*}; cpu <= ${range#*-}; cpu++)); do echo "$cpu"; done
  done < <(taskset -cp $$ | sed 's/.*: //' | tr ',' '\n')
}

# The cores that this process may use. Hardware threads of one core count once, as for mpirun.
usable_cores() {
  local allowed physical
  # nproc would take these for the number of cores.
  allowed=$(env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc)
  physical=$(lscpu --parse=CORE,SOCKET 2>/dev/null | grep -v '^#' | sort -u | wc -l) || physical=0
  echo $((physical > 0 && physical < allowed ? physical : allowed))
}

# prepare_mpi RANKS: the environment in which mpirun starts that many ranks on this machine.
prepare_mpi() {
  if ((EUID == 0)); then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  fi
  if (($(usable_cores) < $1)); then
    # The first is read by Open MPI 4, the second by Open MPI 5.
    export OMPI_MCA_rmaps_base_oversubscribe=1
    export PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe
  fi
}

# What is formatted, in one place: launch/test checks it, launch/format mends it.
# format_swift SUBCOMMAND [OPTIONS...]: of `swift format`.
format_swift() { (cd -- "$project_root" && swift format "$@" -r Sources Tests Package.swift); }

# format_c OPTIONS...: of clang-format.
format_c() {
  (cd -- "$project_root" && find Sources Tests -name '*.[ch]' -print0 |
    xargs -0 --no-run-if-empty clang-format "$@")
}

# The commit goes into the run record; a source archive has none.
export_commit() {
  [[ -e $project_root/.git ]] || return 0
  local commit
  commit=$(git -C "$project_root" describe --always --dirty --abbrev=40 --exclude='*' 2>/dev/null) ||
    return 0
  export RINGFLASH_COMMIT=$commit
}

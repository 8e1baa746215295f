#!/usr/bin/env bash
# Checks that the runtime compiles with its features alone and all together, without a
# warning. A feature that the manifest gains is found here.
#
#   tests/features.sh            none, each alone, all but diesel-async, and all
#   tests/features.sh --pairs    each with each other too: some minutes
set -u -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

locked=()
[ "${CI:-}" = true ] && locked=(--locked)

# The one list is the manifest's.
mapfile -t singles < <(awk '/^\[/ { on = ($0 == "[features]") }
  on && /^[a-z0-9-]+ *=/ && $1 != "default" { print $1 }' cache-runtime/Cargo.toml)
[ ${#singles[@]} -ge 5 ] || { echo "error: no features found in cache-runtime/Cargo.toml" >&2; exit 1; }

all=$(IFS=,; echo "${singles[*]}")
without_async=$(printf '%s\n' "${singles[@]}" | grep -vx diesel-async | paste -sd, -)

sets=("" "${singles[@]}")
if [ "${1:-}" = --pairs ]; then
  sets=("" "${singles[@]}")
  for ((i = 0; i < ${#singles[@]}; i++)); do
    for ((j = i + 1; j < ${#singles[@]}; j++)); do sets+=("${singles[i]},${singles[j]}"); done
  done
fi
sets+=("$without_async" "$all")

failed=0
for set in "${sets[@]}"; do
  start=$SECONDS
  name=${set:-none}
  [ "$set" != "$all" ] || name=all
  [ "$set" != "$without_async" ] || name="all but diesel-async"
  # Warnings are looked for in the output, in the line that --quiet leaves out:
  # RUSTFLAGS=-Dwarnings would build all dependencies once more.
  if output=$(cargo check ${locked[@]+"${locked[@]}"} -p cache-runtime \
    --no-default-features --features "$set" --color never 2>&1) && ! grep -q '^warning: `cache-' <<<"$output"; then
    printf 'ok      %-40s %d s\n' "$name" $((SECONDS - start))
  else
    failed=$((failed + 1))
    printf 'FAILED  %-40s %d s\n%s\n' "$name" $((SECONDS - start)) "$output"
  fi
done
printf '%d sets of features, %d failed\n' "${#sets[@]}" "$failed"
[ "$failed" -eq 0 ]

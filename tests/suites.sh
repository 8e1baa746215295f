# Runs cargo and counts. Sourced, not run.
# shellcheck shell=bash
#
# Every cargo call selects the whole workspace with all features, so that one
# build serves all of them.

PASSED=0
FAILED=0
FAILURES=()
EXCERPTS=
JOB=
LOGS=

# Suites that need no server: the inner loop. Every other [[test]] of
# tests/Cargo.toml runs with the servers.
QUICK_SUITES=(house layering supply_chain bytes compile_fail models blocking shutdown)

# Suites that drive a store over the wire, of which the tests that drive Redis run once more on
# Valkey; in `redis`, `guards` and `anomalies` all of them.
VALKEY_SUITES=(conformance redis guards scenarios writes anomalies)

selection=(--workspace --all-features)
[ "${CI:-}" = true ] && selection+=(--locked)

# The suites are what tests/Cargo.toml declares: one list.
all_suites() {
  awk '/^\[/ { suite = ($0 == "[[test]]") }
       suite && /^name *=/ { split($0, part, "\""); print part[2] }' tests/Cargo.toml
}

is_quick() {
  local name
  for name in "${QUICK_SUITES[@]}"; do
    [ "$name" != "$1" ] || return 0
  done
  return 1
}

quick_suites() { local name; for name in $(all_suites); do ! is_quick "$name" || echo "$name"; done; }

server_suites() {
  local name
  for name in $(all_suites); do
    is_quick "$name" || [ "$name" = anomalies ] || echo "$name"
  done
}

# Test files that stand beside the crates themselves, as `--test NAME`.
crate_tests() {
  local file
  for file in cache-derive/tests/*.rs cache-runtime/tests/*.rs; do
    [ ! -e "$file" ] || printf -- '--test\n%s\n' "$(basename "$file" .rs)"
  done
}

# In a process group of its own, so that an interrupted run ends cargo *and* the
# tests that it started.
run_job() {
  set -m
  ( "$@" 2> >(tee "$LOGS/stderr" >&2) | tee "$LOGS/stdout"; exit "${PIPESTATUS[0]}" ) </dev/null &
  JOB=$!
  set +m
  local code=0
  wait "$JOB" || code=$?
  JOB=
  return "$code"
}

end_job() { [ -z "$JOB" ] || end "$JOB" TERM; JOB=; }

fail() { FAILED=$((FAILED + 1)); FAILURES+=("$1"); }

# What the job that has just failed said of it, to be said again at the end: a long log is
# often seen by its last lines alone.
excerpt() {
  EXCERPTS+=$(printf '\n--- %s\n' "$1"
    grep -hE -A 8 '^error|panicked at|No space left|NOT CAUGHT|BROKEN|NOT REACHED|^FAILED' \
      "$LOGS/stderr" "$LOGS/stdout" | head -n 40)$'\n'
}

# stage TITLE COMMAND...: a heading, the command, its time. The exit code counts
# as one result only where it fails.
stage() {
  local title=$1 start=$SECONDS code=0
  shift
  printf '\n=== %s\n' "$title"
  run_job "$@" || code=$?
  [ "$code" -eq 0 ] || { fail "$title (exit code $code)"; excerpt "$title"; }
  printf -- '--- %s: %s, %d s\n' "$title" "$([ "$code" -eq 0 ] && echo ok || echo FAILED)" $((SECONDS - start))
  return "$code"
}

# counted TITLE COMMAND...: as a stage, and the results that the command says are
# counted. One that had none has failed, and so has one that died before it could
# count.
counted() {
  local title=$1 start=$SECONDS code=0 passed failed
  shift
  printf '\n=== %s\n' "$title"
  run_job "$@" || code=$?
  read -r passed failed < <(awk '
    /^test result: / { passed += $4; failed += $6 }
    /^[0-9]+ passed, [0-9]+ failed$/ { passed += $1; failed += $3 }
    END { print passed + 0, failed + 0 }' "$LOGS/stdout")
  PASSED=$((PASSED + passed))
  [ "$code" -eq 0 ] || excerpt "$title"
  if [ "$failed" -gt 0 ]; then
    FAILED=$((FAILED + failed))
    FAILURES+=("$title ($failed failed)")
  elif [ "$code" -ne 0 ]; then
    fail "$title (exit code $code before it could count)"
  elif [ "$passed" -eq 0 ]; then
    fail "$title (no test ran)"
  fi
  printf -- '--- %s: %d passed, %d failed, %d s\n' "$title" "$passed" "$failed" $((SECONDS - start))
}

# tests TITLE CARGO-TEST-ARGUMENTS...: tests of the workspace, counted.
tests() {
  local title=$1
  shift
  counted "$title" cargo test "${selection[@]}" "$@"
}

# The models of the protocols. They depend on nothing else of the workspace.
model() {
  local -a all=(--release --package cache-model)
  [ "${CI:-}" = true ] && all+=(--locked)
  counted model cargo run "${all[@]}"
}

# timed TITLE COMMAND...: a stage that also counts as one passed test.
timed() {
  if stage "$@"; then PASSED=$((PASSED + 1)); fi
}

# The last line of a run: the count over everything.
summary() {
  local failure
  printf '\n=== result after %d s\n' "$SECONDS"
  printf '%s' "$EXCERPTS"
  for failure in ${FAILURES[@]+"${FAILURES[@]}"}; do
    printf 'FAILED: %s\n' "$failure"
  done
  if [ $((PASSED + FAILED)) -eq 0 ]; then
    fail "nothing ran"
    echo "FAILED: nothing ran"
  fi
  printf '%d passed, %d failed\n' "$PASSED" "$FAILED"
  [ "$FAILED" -eq 0 ]
}

# Finds, installs, starts and stops the servers of a test run. Sourced, not run.
# shellcheck shell=bash
#
# Everything started here is private: a free port on 127.0.0.1, data in a
# temporary directory that goes when the run ends. A server that this file did
# not start is never asked anything and never stopped.

SERVERS_DIR=
REDIS_PID=
VALKEY_PID=
POSTGRES_PID=
MYSQL_PID=

# Set by bring_valkey and start_valkey.
HAVE_VALKEY=
VALKEY_SERVER=
VALKEY_VERSION=
VALKEY_URL=

missing=()     # what to tell a person
packages=()    # what to tell apt-get

want() { missing+=("$1"); packages+=("$2"); }

# The directory of initdb, postgres and psql: newest first, never the wrappers
# that talk to a cluster of the distribution.
postgres_bin() {
  local dir
  local -a candidates=()
  while IFS= read -r dir; do candidates+=("$dir"); done \
    < <(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV)
  candidates+=(/usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin)
  command -v initdb >/dev/null && candidates+=("$(dirname "$(readlink -f "$(command -v initdb)")")")
  for dir in "${candidates[@]}"; do
    if [ -x "$dir/initdb" ] && [ -x "$dir/postgres" ] && [ -x "$dir/psql" ]; then
      echo "$dir"
      return 0
    fi
  done
  return 1
}

have_libpq() {
  [ -n "${PQ_LIB_DIR:-}" ] && return 0
  local dir
  dir=$(pg_config --libdir 2>/dev/null) || return 1
  compgen -G "$dir/libpq.so" >/dev/null || compgen -G "$dir/libpq.a" >/dev/null \
    || compgen -G "$dir/libpq.dylib" >/dev/null
}

# Where mysqlclient-sys looks: what it is told, then pkg-config, then mysql_config,
# which Debian's libmariadb-dev does not have.
have_libmysql() {
  [ -n "${MYSQLCLIENT_LIB_DIR:-}" ] || pkg-config --exists mysqlclient 2>/dev/null \
    || pkg-config --exists libmariadb 2>/dev/null || command -v mysql_config >/dev/null
}

# Servers are not on everybody's path.
mysql_server() { PATH=$PATH:/usr/sbin:/usr/libexec command -v mariadbd; }

look() { # WHAT...
  missing=() packages=()
  local what
  for what in "$@"; do
    case $what in
      libpq) have_libpq || want "libpq development files (libpq.so and pg_config)" libpq-dev ;;
      libmysql)
        if ! have_libmysql; then
          want "MariaDB or MySQL client development files" libmariadb-dev
          want "pkg-config, to find them" pkg-config
        fi
        ;;
      redis) command -v redis-server >/dev/null || want "redis-server" redis-server ;;
      postgres) postgres_bin >/dev/null || want "PostgreSQL server (initdb, postgres, psql)" postgresql ;;
      mysql)
        { mysql_server && command -v mariadb-install-db && command -v mariadb; } >/dev/null \
          || want "MariaDB server (mariadbd, mariadb-install-db, mariadb)" mariadb-server
        ;;
    esac
  done
  [ ${#missing[@]} -eq 0 ]
}

# Quiet unless it fails. RUNLEVEL=1 keeps the packages' own services from being
# started.
apt() {
  local -a sudo=()
  local output
  [ "$(id -u)" -eq 0 ] || sudo=(sudo -n)
  output=$("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 RUNLEVEL=1 \
    apt-get -qq -o DPkg::Lock::Timeout=300 "$@" </dev/null 2>&1) && return 0
  tail -n 5 <<<"$output" >&2
  return 1
}

may_apt() {
  command -v apt-get >/dev/null || return 1
  [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null
}

# bring WHAT...: present afterwards, or a message that says what to do.
bring() {
  if ! command -v cargo >/dev/null; then
    echo "error: cargo is not on the PATH; install Rust from https://rustup.rs" >&2
    return 1
  fi
  if ! command -v "${CC:-cc}" >/dev/null; then
    echo "error: no C compiler (${CC:-cc}); on Debian and Ubuntu: apt-get install gcc libc6-dev" >&2
    return 1
  fi
  look "$@" && return 0
  if may_apt; then
    echo "installing: ${packages[*]}" >&2
    # A machine without package lists, or with old ones, needs them first.
    apt install -y --no-install-recommends "${packages[@]}" 2>/dev/null \
      || { apt update && apt install -y --no-install-recommends "${packages[@]}"; } \
      || echo "apt-get could not install ${packages[*]}" >&2
    look "$@" && return 0
  fi
  {
    echo "error: missing on this machine:"
    printf '  - %s\n' "${missing[@]}"
    echo "install with one of:"
    echo "  Debian, Ubuntu:  sudo apt-get install -y ${packages[*]}"
    echo "  Fedora:          sudo dnf install -y redis postgresql-server postgresql-contrib libpq-devel mariadb-server mariadb-connector-c-devel pkgconf"
    echo "  macOS:           brew install redis postgresql libpq mariadb pkgconf"
  } >&2
  return 1
}

# Valkey is the only server that may be absent: Debian 12 has no package of it. Where there is one
# it has to be brought. Whether it is there afterwards; it fails only where apt-get does.
bring_valkey() {
  HAVE_VALKEY=
  if ! command -v valkey-server >/dev/null; then
    may_apt || return 0
    compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null || apt update
    apt-cache policy valkey-server 2>/dev/null | grep -q 'Candidate: [0-9]' || return 0
    echo "installing: valkey-server" >&2
    apt install -y --no-install-recommends valkey-server \
      || { apt update && apt install -y --no-install-recommends valkey-server; } || return 1
  fi
  HAVE_VALKEY=1
}

free_port() {
  local port
  while :; do
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
}

# Runs in a process group of its own, so that ctrl-C reaches only this script
# and the servers end in order. Sets SPAWNED.
spawn() { # LOG COMMAND...
  local log=$1
  shift
  set -m
  "$@" </dev/null >>"$log" 2>&1 &
  SPAWNED=$!
  set +m
  disown "$SPAWNED"
}

# ready PID SECONDS COMMAND...: false when the process ends or the time is up.
ready() {
  local pid=$1 tries=$(($2 * 10))
  shift 2
  while [ "$tries" -gt 0 ]; do
    "$@" >/dev/null 2>&1 && return 0
    kill -0 "$pid" 2>/dev/null || return 1
    sleep 0.1
    tries=$((tries - 1))
  done
  return 1
}

# start_store NAME SERVER: sets STORE_PID and STORE_URL.
start_store() {
  local name=$1 server=$2 dir=$SERVERS_DIR/$1 port try
  mkdir "$dir"
  for try in 1 2 3; do
    port=$(free_port)
    : >"$dir/log"
    spawn "$dir/log" "$server" --port "$port" --bind 127.0.0.1 --dir "$dir" \
      --save '' --appendonly no --daemonize no
    STORE_PID=$SPAWNED
    # Its own log, not a ping: a foreign server on the port would answer one.
    if ready "$STORE_PID" 20 grep -qi 'ready to accept connections' "$dir/log"; then
      STORE_URL=redis://127.0.0.1:$port
      return 0
    fi
    end "$STORE_PID" TERM
  done
  echo "error: $name-server did not start ($try tries); its log:" >&2
  tail -n 20 "$dir/log" >&2
  return 1
}

start_redis() {
  local server
  server=$(command -v redis-server)
  start_store redis "$server" || return 1
  REDIS_PID=$STORE_PID
  export TEST_REDIS_URL=$STORE_URL TEST_REDIS_SERVER=$server
}

# Beside Redis, under names of its own. Where a distribution lets one stand for the other, what
# is called valkey-server may be a Redis: that shows nothing new.
start_valkey() {
  VALKEY_SERVER=$(command -v valkey-server)
  VALKEY_VERSION=$("$VALKEY_SERVER" --version | sed -n 's/^Valkey server v=\([^ ]*\).*/\1/p')
  if [ -z "$VALKEY_VERSION" ]; then
    echo "error: $VALKEY_SERVER does not say that it is Valkey" >&2
    return 1
  fi
  start_store valkey "$VALKEY_SERVER" || return 1
  VALKEY_PID=$STORE_PID VALKEY_URL=$STORE_URL
}

# PostgreSQL refuses to run as root: there, an unprivileged user runs it.
as_postgres() {
  if [ -z "$POSTGRES_USER" ]; then
    "$@"
  elif command -v setpriv >/dev/null; then
    setpriv --reuid="$POSTGRES_USER" --regid="$(id -g "$POSTGRES_USER")" --clear-groups "$@"
  else
    runuser -u "$POSTGRES_USER" -- "$@"
  fi
}

start_postgres() {
  local bin dir=$SERVERS_DIR/postgres port try
  bin=$(postgres_bin)
  POSTGRES_USER=
  mkdir -m 700 "$dir"
  : >"$dir/log"
  if [ "$(id -u)" -eq 0 ]; then
    POSTGRES_USER=postgres
    id "$POSTGRES_USER" >/dev/null 2>&1 || POSTGRES_USER=nobody
    chown -R "$POSTGRES_USER" "$dir"
  fi
  if ! (cd "$dir" && as_postgres "$bin/initdb" -D "$dir/data" -U postgres -A trust \
    -E UTF8 --locale=C --no-sync) >>"$dir/log" 2>&1; then
    echo "error: initdb failed:" >&2
    tail -n 20 "$dir/log" >&2
    return 1
  fi
  for try in 1 2 3; do
    port=$(free_port)
    spawn "$dir/log" as_postgres "$bin/postgres" -D "$dir/data" -p "$port" -h 127.0.0.1 -k "$dir" \
      -c shared_preload_libraries=pg_stat_statements -c track_commit_timestamp=on -c max_connections=200
    POSTGRES_PID=$SPAWNED
    # Through the socket in our own directory: nobody else can be behind it.
    if ready "$POSTGRES_PID" 60 "$bin/psql" -qXw -h "$dir" -p "$port" -U postgres -d postgres -c 'SELECT 1'; then
      if "$bin/psql" -qXw -v ON_ERROR_STOP=1 -h "$dir" -p "$port" -U postgres -d postgres >>"$dir/log" 2>&1 \
        -c 'CREATE DATABASE cache_test' -c 'CREATE DATABASE cache_bench' \
        -c '\connect cache_test' -c 'CREATE EXTENSION pg_stat_statements'; then
        export TEST_POSTGRES_URL=postgres://postgres@127.0.0.1:$port/cache_test
        export BENCH_POSTGRES_URL=postgres://postgres@127.0.0.1:$port/cache_bench
        return 0
      fi
      break
    fi
    end "$POSTGRES_PID" INT
    POSTGRES_PID=
  done
  echo "error: PostgreSQL did not start ($try tries; pg_stat_statements is in the package postgresql-contrib where it is apart); its log:" >&2
  tail -n 20 "$dir/log" >&2
  return 1
}

start_mysql() {
  local server dir=$SERVERS_DIR/mysql port try
  local -a options=(--no-defaults --datadir="$SERVERS_DIR/mysql/data")
  local -a client=(mariadb --no-defaults --user=root --socket="$SERVERS_DIR/mysql/socket")
  server=$(mysql_server)
  mkdir -m 700 "$dir"
  : >"$dir/log"
  # As root it runs only where it is told so.
  [ "$(id -u)" -ne 0 ] || options+=(--user=root)
  if ! mariadb-install-db "${options[@]}" --auth-root-authentication-method=normal \
    --skip-test-db </dev/null >>"$dir/log" 2>&1; then
    echo "error: mariadb-install-db failed:" >&2
    tail -n 20 "$dir/log" >&2
    return 1
  fi
  # What a crash would lose is of no interest here.
  options+=(--socket="$dir/socket" --pid-file="$dir/pid" --bind-address=127.0.0.1
    --skip-name-resolve --skip-log-bin --max-connections=400 --character-set-server=utf8mb4
    --innodb-flush-log-at-trx-commit=0 --innodb-buffer-pool-size=64M)
  for try in 1 2 3; do
    port=$(free_port)
    spawn "$dir/log" "$server" "${options[@]}" --port="$port"
    MYSQL_PID=$SPAWNED
    # Through the socket in our own directory: nobody else can be behind it.
    if ready "$MYSQL_PID" 60 "${client[@]}" -e 'SELECT 1'; then
      if "${client[@]}" >>"$dir/log" 2>&1 -e "CREATE DATABASE cache_test; CREATE DATABASE cache_bench; \
        GRANT ALL ON *.* TO cache@'127.0.0.1' IDENTIFIED BY 'cache'"; then
        export TEST_MYSQL_URL=mysql://cache:cache@127.0.0.1:$port/cache_test
        export BENCH_MYSQL_URL=mysql://cache:cache@127.0.0.1:$port/cache_bench
        return 0
      fi
      break
    fi
    end "$MYSQL_PID" TERM
    MYSQL_PID=
  done
  echo "error: MariaDB did not start ($try tries); its log:" >&2
  tail -n 20 "$dir/log" >&2
  return 1
}

start_servers() {
  # An environment of the caller must not lead libpq to another server.
  unset "${!PG@}"
  # /tmp, whatever TMPDIR says: another user must reach it, and the path of a
  # unix socket is limited to some hundred bytes.
  SERVERS_DIR=$(mktemp -d /tmp/cache-tests.XXXXXXXX) || return 1
  chmod 711 "$SERVERS_DIR"
  start_redis && { [ -z "$HAVE_VALKEY" ] || start_valkey; } && start_postgres && start_mysql
}

end() { # PID SIGNAL: and wait; by force after ten seconds
  local pid=$1 tries=100
  [ -n "$pid" ] || return 0
  kill -"$2" -- "-$pid" 2>/dev/null || return 0
  while kill -0 -- "-$pid" 2>/dev/null; do
    tries=$((tries - 1))
    if [ "$tries" -le 0 ]; then
      kill -KILL -- "-$pid" 2>/dev/null
      return 0
    fi
    sleep 0.1
  done
}

stop_servers() {
  end "$REDIS_PID" TERM
  end "$VALKEY_PID" TERM
  # INT is PostgreSQL's fast shutdown; TERM would wait for its clients.
  end "$POSTGRES_PID" INT
  end "$MYSQL_PID" TERM
  REDIS_PID='' VALKEY_PID='' POSTGRES_PID='' MYSQL_PID=''
  [ -z "$SERVERS_DIR" ] || rm -rf -- "$SERVERS_DIR"
  SERVERS_DIR=
  unset TEST_REDIS_URL TEST_REDIS_SERVER TEST_POSTGRES_URL BENCH_POSTGRES_URL TEST_MYSQL_URL BENCH_MYSQL_URL
}

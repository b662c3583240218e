# Sourced by scripts/check-bundle and scripts/check-wheel: a Debian 12 with nothing that we installed. Needs say and fail.

# Says so and ends with 0 where none can be made.
need_debootstrap() {
  if [ "$(id -u)" -ne 0 ]; then say "skipped: debootstrap and chroot need root"; exit 0; fi
  if ! command -v debootstrap >/dev/null; then say "skipped: apt-get install debootstrap"; exit 0; fi
}

# The line "MIRROR" that debootstrap takes, from apt's own settings, whatever their format.
mirror() {
  apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(SUITE)' 'Created-By: Packages' \
    | awk '$2 == "bookworm" || $3 == "bookworm" { print $1; exit }'
}

# make_bare_debian DIRECTORY [PACKAGE...]
make_bare_debian() {
  local root=$1 began=$SECONDS uri packages
  shift
  uri=$(mirror)
  [ -n "$uri" ] || fail "apt knows no mirror of Debian 12 (bookworm)"
  packages=$(IFS=,; printf '%s' "$*")
  debootstrap --variant=minbase ${packages:+--include="$packages"} bookworm "$root" "$uri" >"$root.log" 2>&1 \
    || { tail -5 "$root.log" >&2; fail "debootstrap failed"; }
  say "bare Debian 12 made in $((SECONDS - began)) s; it has $(chroot "$root" dpkg-query -W | wc -l) packages"
}

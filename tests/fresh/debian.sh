#!/usr/bin/env bash
# `make fresh`, as root: a new Debian in a folder, and in it what the README and docs/install.md say.
#
#   1. the smallest Debian 12 there is, with python3-venv and make (debootstrap); FRESH_DEBIAN=trixie: Debian 13
#   2. as an ordinary user: make demo, make test
#   3. as root: make install and the lines after it; then systemd itself, in namespaces of its own with a loopback
#      of its own, starts ccd.service: tests/fresh/service.py calls, reloads, kills and stops it
#
# Everything lies in one folder and in namespaces that end with this script. FRESH_TESTS=0 leaves make test out.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
[ "$(id -u)" = 0 ] || { echo "make fresh changes its root folder and boots systemd: run it as root"; exit 1; }
for program in debootstrap unshare nsenter findmnt; do
  command -v $program >/dev/null || { echo "$program is missing: apt-get install debootstrap util-linux"; exit 1; }
done
if [ "${1:-}" != inside ]; then  # mounts of this script are seen by it alone
  exec unshare --mount --propagation private "$0" inside
fi

work=$(mktemp -d /var/tmp/ccd-fresh.XXXXXX)
root=$work/root
first=  # process 1 of the booted system
group=
ended() {
  code=$?
  [ -z "$first" ] || kill -9 "$first" 2>/dev/null || true
  [ -z "$group" ] || { sleep 0.5; find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true; }
  umount -R "$root/proc" "$root/sys" "$root/dev" 2>/dev/null || true
  rm -rf --one-file-system "$work"
  [ $code -eq 0 ] || printf '\n== FAILED (exit %d)\n' $code >&2
}
trap ended EXIT
step() { printf '\n== %s  (%d s so far)\n' "$*" $SECONDS; }
# what this machine says of where its packages come from holds inside too
kept=$(compgen -e | grep -E '^(PIP_CERT|PIP_(EXTRA_)?INDEX_URL|PIP_TRUSTED_HOST|[A-Za-z]+_(proxy|PROXY))$' || true)
clean=(env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM=dumb)
for name in $kept; do clean+=("$name=${!name}"); done
as_user() { chroot --userspec=tess:tess "$root" "${clean[@]}" HOME=/home/tess bash -c "cd ~/ccd && $1"; }
as_root() { chroot "$root" "${clean[@]}" HOME=/root bash -ec "cd /home/tess/ccd && $1"; }

release=${FRESH_DEBIAN:-bookworm}
packages=systemd,systemd-sysv,libnss-systemd,dbus,ca-certificates,make,python3,python3-venv,procps
[ "$release" = bookworm ] || packages+=,baresip-core  # its Python is one that pip has no PJSIP for
step "a new Debian: $release"
debootstrap --variant=minbase --include="$packages" "$release" "$root" >"$work/log" 2>&1 ||
  { tail -n 20 "$work/log"; exit 1; }
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
cp /etc/resolv.conf /etc/hosts "$root/etc/"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
chroot "$root" useradd --create-home tess
mkdir "$root/home/tess/ccd"
(cd "$here" && git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- --create) |
  tar --extract --directory "$root/home/tess/ccd"
chroot "$root" chown -R tess:tess /home/tess/ccd

step "make demo, as an ordinary user"
as_user "make demo"

if [ "${FRESH_TESTS:-1}" != 0 ]; then
  step "make test, as an ordinary user"
  as_user "make test"
fi

step "make install, and what docs/install.md says after it"
# systemd-tmpfiles makes what others ask for too, which may fail in a folder; that ours are there, the start shows
as_root "make install >/dev/null
  systemd-sysusers
  systemd-tmpfiles --create 2>/dev/null || true
  ccd --version"
umount -R "$root/dev" "$root/proc"

step "systemd as process 1"
groups=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
[ -n "$groups" ] || { echo "this machine has no cgroup2: systemd cannot be started here"; exit 1; }
group=$groups/ccd-fresh-$$
mkdir "$group"
: >"$work/console"
cat >"$work/boot" <<'BOOT'
set -e
cd "$1"
mount --bind . . && cd "$1"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for each in null zero full random urandom tty; do : >dev/$each; mount --bind /dev/$each dev/$each; done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
mount -t tmpfs tmpfs dev/shm
ln -s pts/ptmx dev/ptmx; ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin; ln -s fd/1 dev/stdout; ln -s fd/2 dev/stderr
: >dev/console; mount --bind "$2" dev/console
mount -t tmpfs -o mode=755 tmpfs run
hostname fresh
mkdir -p former
pivot_root . former
umount -l /former
mount --make-rshared /  # as systemd expects of whoever made its container (it hands credentials out so)
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd
BOOT
(echo 0 >"$group/cgroup.procs"
 exec unshare --mount --pid --uts --ipc --net --cgroup --fork bash "$work/boot" "$root" "$work/console") \
  >"$work/boot.log" 2>&1 </dev/null &
starter=$!
inside() {
  nsenter --target "$first" --mount --pid --uts --ipc --net --cgroup \
    "${clean[@]}" HOME=/root PYTHONPATH=/home/tess/ccd "$@"
}
for _ in $(seq 100); do
  first=$(ps -o pid= --ppid "$starter" | tr -d ' ')
  case "$([ -z "$first" ] || inside systemctl is-system-running 2>/dev/null)" in running | degraded) break ;; esac
  sleep 0.2
done
inside systemctl --version | head -n 1 || { cat "$work/boot.log" "$work/console"; exit 1; }

step "ccd.service: tests/fresh/service.py"
inside /home/tess/ccd/.venv/bin/python /home/tess/ccd/tests/fresh/service.py
step "done"

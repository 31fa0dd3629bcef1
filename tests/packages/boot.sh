#!/usr/bin/env bash
# Boots the systemd of this Debian as PID 1 of namespaces of its own, over a copy of this system in memory. Nothing that
# happens in there is seen outside, or stays.
#
# Prints the pid of a process whose only child that systemd is, and then `booting`. If that line does not come, standard error
# says what is not allowed here. It runs until standard input ends, and takes its processes, cgroups and files with it then.
set -euo pipefail
stage=${1:-apart}

LIFE_MAX_S=900

# What systemd shall find of its surroundings: it is in a container, and starts nothing but what it needs itself.
CONTAINER=feedd
TARGET="[Unit]
Description=What the packages are tried in
Requires=sysinit.target
After=sysinit.target
AllowIsolate=yes"

# Each hierarchy gets a cgroup which is the root of what systemd sees.
mount_cgroups() {
    mkdir "$1/unified" "$1/systemd"
    mount -t cgroup2 cgroup2 "$1/unified"
    mount -t cgroup -o none,name=systemd cgroup "$1/systemd"
}

parent=
cgroups=()

take_down() {
    set +e
    if [ -n "$parent" ]; then
        # The first process of a PID namespace is not gone before all others are.
        xargs -r kill -KILL <"/proc/$parent/task/$parent/children"
        wait "$parent"
        find "${cgroups[@]}" -depth -type d -exec rmdir {} +
    fi
    umount -l "$directory"
    rmdir "$directory"
}

case $stage in
apart)
    exec unshare -m -n -u -i bash "$0" watch
    ;;
watch)
    name=feedd-boot-$$
    directory=${TMPDIR:-/tmp}/$name
    trap '' INT TERM HUP # only the end of standard input ends it
    mkdir -m 0700 "$directory"
    trap take_down EXIT
    mount --make-rprivate /
    mount -t tmpfs tmpfs "$directory"
    mount_cgroups "$directory"
    cgroups=("$directory"/{unified,systemd}/"$name")
    mkdir "${cgroups[@]}"
    unshare -fp --kill-child bash "$0" enter "$directory" "${cgroups[@]}" </dev/null &
    parent=$!
    echo "$parent"
    exec >/dev/null
    read -r -t "$LIFE_MAX_S" || true
    ;;
enter)
    # As PID 1. The process that waits for it stays outside of the cgroups.
    for cgroup in "${@:3}"; do
        echo 0 >"$cgroup/cgroup.procs"
    done
    exec unshare -m -C bash "$0" boot "$2"
    ;;
boot)
    root=$2/root
    mkdir "$2/changes" "$2/work" "$root"
    mount -t overlay -o "lowerdir=/,upperdir=$2/changes,workdir=$2/work" overlay "$root"
    # Of the kernel's settings only those of the network are this system's own.
    mount -t proc proc "$root/proc"
    mount --bind "$root/proc/sys" "$root/proc/sys"
    mount --bind "$root/proc/sys/net" "$root/proc/sys/net"
    mount -o remount,bind,ro "$root/proc/sys"
    mount -t sysfs -o ro sysfs "$root/sys"
    mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
    mount_cgroups "$root/sys/fs/cgroup"
    mount -o remount,ro "$root/sys/fs/cgroup" # systemd shall not mount the controllers of the system outside there
    for place in dev run tmp var/log; do
        mount -t tmpfs -o mode=0755 tmpfs "$root/$place"
    done
    chmod 1777 "$root/tmp"
    cp -a /dev/{null,zero,full,random,urandom,tty} "$root/dev"
    ln -s /proc/self/fd "$root/dev/fd"
    ln -s pts/ptmx "$root/dev/ptmx"
    mkdir -p "$root/run/outside" "$root/run/systemd/system"
    echo "$TARGET" >"$root/run/systemd/system/$CONTAINER.target"
    # What keeps packages of a container from starting services; and indexing all man pages would take longer than all else.
    rm -f "$root/usr/sbin/policy-rc.d" "$root/var/lib/man-db/auto-update"
    cd "$root"
    pivot_root . run/outside
    umount -l /run/outside
    rmdir /run/outside
    mount --make-rshared / # as it is where the kernel starts systemd: credentials come to services so
    echo booting
    exec env -i container="$CONTAINER" PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        /lib/systemd/systemd --unit="$CONTAINER.target" >/dev/null 2>&1
    ;;
esac

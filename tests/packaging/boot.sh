# Boots a root with systemd as the first process of namespaces of its own.
#
#   boot.sh CONTROL-GROUP BASE DIRECTORY
#
# What the server writes is in DIRECTORY, above BASE, which stays as it is. Another disk is mounted at
# /srv/video1.
set -eu
echo $$ >"$1/cgroup.procs"
mkdir -p "$3/upper" "$3/work" "$3/root" "$3/video"
# shellcheck disable=SC2016  # expanded in the namespaces
exec unshare --mount --pid --net --uts --ipc --cgroup --fork --kill-child -- sh -eu -c '
    mount --make-rprivate /
    mount -t overlay -o "lowerdir=$0,upperdir=$1/upper,workdir=$1/work" overlay "$1/root"
    cd "$1/root"
    mount -t proc proc proc
    mount -t sysfs -o ro sysfs sys
    mount -t cgroup2 cgroup2 sys/fs/cgroup
    mount -t tmpfs -o mode=755 tmpfs run
    mount -t tmpfs -o mode=755 tmpfs dev
    mkdir dev/pts dev/shm
    mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
    mount -t tmpfs tmpfs dev/shm
    for device in null zero full random urandom tty; do
        touch "dev/$device"
        mount --bind "/dev/$device" "dev/$device"
    done
    ln -s pts/ptmx dev/ptmx
    ln -s /proc/self/fd dev/fd
    ln -s fd/0 dev/stdin
    ln -s fd/1 dev/stdout
    ln -s fd/2 dev/stderr
    mkdir -p srv/video1
    mount --bind "$1/video" srv/video1
    pivot_root . .
    umount --lazy .
    cd /
    exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system
' "$2" "$3"

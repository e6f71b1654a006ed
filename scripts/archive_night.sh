#!/bin/sh
# Matte what an archive has gained since last night. For cron, every evening at ten:
#
#   0 22 * * *  /opt/tiler/scripts/archive_night.sh /archive/scans /archive/mattes
#
# One night's run at a time; a log for each; the exit code is that of tiler: 0 all is done, 1 something failed (the
# log and batch.csv say what), 130 stopped (the next night goes on). By six in the morning it is stopped.
set -eu

scans=$1
mattes=$2
mkdir -p "$mattes/log"
log="$mattes/log/$(date +%F).log"

exec 9>"$mattes/log/lock"
if ! flock -n 9; then
    echo "$(date): last night's run is still at work" >>"$log"
    exit 0
fi

status=0
timeout --signal=INT 8h nice -n 10 tiler batch "$scans" -o "$mattes" --suffix .tif >>"$log" 2>&1 || status=$?
[ "$status" -ne 124 ] || status=130
echo "$(date): exit code $status" >>"$log"
[ "$status" -eq 0 ] || tail -n 20 "$log" >&2 # cron mails it
exit "$status"

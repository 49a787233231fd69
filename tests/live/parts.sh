#!/bin/sh
# Installs what the live tests talk to, from Debian's packages, where that is possible; says so where it isn't.
# The tests themselves skip, by name, what is not there.
set -eu
packages="mosquitto prometheus chromium python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base
  gstreamer1.0-plugins-good gstreamer1.0-plugins-bad"
missing=""
for package in $packages; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "ok installed" || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "live tests: these will skip what needs:$missing (install them as root: apt-get install$missing)" >&2
  exit 0
fi
echo "live tests: installing$missing" >&2
{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } \
  >/dev/null 2>&1 || echo "live tests: could not install:$missing; what needs them is skipped" >&2

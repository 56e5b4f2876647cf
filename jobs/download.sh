#!/usr/bin/env bash
# Downloads a file and verifies it; what an interrupted start left in TARGET.part is continued. TARGET itself is there
# only when it is whole.
#   jobs/download.sh URL MD5 TARGET
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

(($# == 3)) || fail "usage: jobs/download.sh URL MD5 TARGET, got '$*'"
url=$1 md5=$2 target=$3 part=$3.part

md5_is() { [[ -f $part ]] && echo "$md5  $part" | md5sum --check --status; }

# Gets what the part lacks; returns curl's status, and prints that of the server. A connection that stands still for a
# minute counts as broken.
fetch() {
  local meter=--no-progress-meter
  if [[ -t 2 ]]; then meter=--progress-bar; fi
  curl "$meter" --fail --location --continue-at - --retry 3 --connect-timeout 30 --speed-limit 1000 --speed-time 60 \
    --write-out '%{http_code}' --output "$part" "$url"
}

say "download $url to $target"
mkdir -p "$(dirname "$target")"
# A whole part is only checked: nobody needs to be online for that.
if ! md5_is; then
  status=0
  answer=$(fetch) || status=$?
  # 33: the server cannot begin in the middle; 416: it has no more than the part, whose checksum is wrong.
  if ((status == 33)) || [[ $answer == 416 ]]; then
    say "what is in $part cannot be continued, so the download begins again"
    rm -f "$part"
    status=0
    fetch >/dev/null || status=$?
  fi
  ((status == 0)) || fail "the download did not work (curl says why above). Start again to continue it."
  md5_is || {
    rm -f "$part"
    fail "what came from $url has not the checksum $md5, so it was deleted. Start again to try once more."
  }
fi
mv "$part" "$target"

#!/usr/bin/env bash
# Check the lock and look for unguarded uses; leave SARIF and a Markdown report in $REPORTS and the code in $GITHUB_OUTPUT.
# Reads REFS and DISCOVER (words), REPORTS (directory), GITHUB_OUTPUT and GITHUB_STEP_SUMMARY (files).
# Exits with 0 itself: the caller uploads the reports first and then exits with the code.
set -uo pipefail

: "${REPORTS:?}" "${GITHUB_OUTPUT:=/dev/null}" "${GITHUB_STEP_SUMMARY:=/dev/null}"
mkdir -p "$REPORTS"
rm -f "$REPORTS"/*.sarif "$REPORTS/report.md"
read -r -a refs <<<"${REFS:-}"
read -r -a places <<<"${DISCOVER:-}"

modelguard check --format markdown --output "$REPORTS/report.md" -- ${refs[@]+"${refs[@]}"}
code=$?
if [ "$code" -le 1 ]; then
  # The bytes are in the store by now: the second report costs no network.
  modelguard check --format sarif --output "$REPORTS/check.sarif" -- ${refs[@]+"${refs[@]}"} || true
  # This format writes the step summary by itself; it is written once, below.
  GITHUB_STEP_SUMMARY="" modelguard check --format github -- ${refs[@]+"${refs[@]}"} || true
fi
if [ "${#places[@]}" -gt 0 ]; then
  modelguard discover --format sarif --output "$REPORTS/discover.sarif" -- "${places[@]}"
  found=$?
  modelguard discover --format github -- "${places[@]}" || true
  if [ "$found" -gt "$code" ]; then code=$found; fi
fi

if [ -s "$REPORTS/report.md" ]; then cat "$REPORTS/report.md" >>"$GITHUB_STEP_SUMMARY"; fi
if compgen -G "$REPORTS/*.sarif" >/dev/null; then sarif=true; else sarif=false; fi
{
  echo "code=$code"
  echo "sarif=$sarif"
} >>"$GITHUB_OUTPUT"

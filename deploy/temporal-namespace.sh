#!/bin/sh
# Makes the namespace that jobs run in, with the search attributes that they set: safe to run again. Needs the Temporal CLI on the
# PATH, TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE.
set -eu

if ! temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null; then
  # How long the UI shows what has ended. Jobs themselves are kept in PostgreSQL.
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention 30d
fi
# The frontend takes some seconds to see a new one.
tries=0
until known=$(temporal operator search-attribute list --namespace "$TEMPORAL_NAMESPACE" 2>&1); do
  tries=$((tries + 1))
  if [ "$tries" -gt 60 ]; then echo "$known"; exit 1; fi
  sleep 1
done
for name in RegistrarProgramKey RegistrarOrganizationKey RegistrarUser RegistrarJobKind; do
  case $known in
    *"$name"*) ;;
    *) temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" --name "$name" --type Keyword ;;
  esac
done

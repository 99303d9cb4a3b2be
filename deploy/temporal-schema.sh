#!/bin/sh
# Makes Temporal's two databases, or brings their tables up to date: safe to run again. Needs temporal-sql-tool on the PATH and
# SQL_HOST, SQL_PORT, SQL_USER and SQL_PASSWORD of a role that may make databases.
set -eu
export SQL_PLUGIN=postgres12

for pair in temporal:temporal temporal_visibility:visibility; do
  database=${pair%:*}
  schema=postgresql/v12/${pair#*:}
  if temporal-sql-tool --database "$database" update-schema --schema-name "$schema"; then continue; fi
  # There is none yet. One that is there makes this fail: setting it up again would forget which version it has.
  echo "making the database $database"
  temporal-sql-tool --database "$database" create-database
  temporal-sql-tool --database "$database" setup-schema --version 0.0
  temporal-sql-tool --database "$database" update-schema --schema-name "$schema"
done

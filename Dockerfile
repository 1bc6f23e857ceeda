# Earshot on Node 24, as an unprivileged user.
#
#   docker build -t earshot .
#   docker run --network host -v ./earshot.yaml:/config/earshot.yaml:ro -v earshot-data:/data earshot
#
# RTP uses a range of thousands of UDP ports: the host's network serves it without one mapping a port.

ARG NODE_IMAGE=node:24-bookworm-slim

# The mediasoup worker, built from the sources inside the npm package. The stage depends on the lock file and the build
# scripts alone, so that a change of the server's code does not build it anew.
FROM ${NODE_IMAGE} AS worker
RUN apt-get update \
  && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    ca-certificates flatbuffers-compiler g++ libabsl-dev libflatbuffers-dev libsrtp2-dev libssl-dev libusrsctp-dev \
    libuv1-dev meson ninja-build pkg-config \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev
COPY src/setup src/setup
RUN EARSHOT_CACHE=/cache node src/setup/worker/require.mjs /build/mediasoup-worker

# The npm packages that the server runs on. The image brings Node itself: the pinned copy is left out.
FROM ${NODE_IMAGE} AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev && rm -rf node_modules/node node_modules/.bin/node node_modules/mediasoup/worker

FROM ${NODE_IMAGE}
RUN apt-get update \
  && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    libabsl20220623 libsrtp2-1 libssl3 libusrsctp2 libuv1 tini \
  && rm -rf /var/lib/apt/lists/* \
  && useradd --system --user-group --home-dir /app --shell /usr/sbin/nologin earshot \
  && install -d -o earshot -g earshot /data /config
WORKDIR /app
COPY --from=worker /build/mediasoup-worker /usr/local/bin/mediasoup-worker
COPY --from=packages /app/node_modules node_modules
COPY package.json ./
COPY config config
COPY media media
COPY src src
COPY config/earshot.yaml /config/earshot.yaml

ENV NODE_ENV=production \
  MEDIASOUP_WORKER_BIN=/usr/local/bin/mediasoup-worker \
  EARSHOT_CONFIG=/config/earshot.yaml \
  EARSHOT_DATA=/data \
  EARSHOT_HEALTH=http://127.0.0.1:8080/health/ready
USER earshot
VOLUME ["/config", "/data"]
# SIP, SIP over WebSocket, the API and console, RTP: as in the default configuration.
EXPOSE 5060/udp 5060/tcp 5066/tcp 8080/tcp 20000-29999/udp

HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "src/setup/health.mjs"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["tini", "--", "node", "--disable-warning=ExperimentalWarning", "src/main.ts"]

import { spawnSync } from 'node:child_process';

/** The worker's exit status where MEDIASOUP_VERSION is not set (worker/src/main.cpp): it was loaded and ran. */
const RAN = 41;

/** Whether the binary runs on this machine: right processor, every shared library present. */
export function worksHere(binary) {
  return spawnSync(binary, [], { env: {}, stdio: 'ignore', timeout: 10_000 }).status === RAN;
}

/**
 * Preloaded into the program that run.mjs starts: when run.mjs is gone, the program ends as by SIGTERM.
 * The channel does not keep the program alive.
 */
import { isMainThread } from 'node:worker_threads';

if (isMainThread && process.channel) {
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel.unref();
}

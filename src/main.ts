/**
 * `npm start`: the process around Earshot. Exit status: 0 after a request to end, 1 where it cannot start (a port in
 * use), 2 where the configuration or the command line is at fault.
 */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { banner } from './banner.ts';
import { faultLine } from './config/faults.ts';
import { loadConfig } from './config/load.ts';
import type { Config } from './config/schema.ts';
import { StartError, startEarshot, type Earshot } from './earshot.ts';
import { createLog, isLevel, type Log } from './log.ts';
import { startRobotPair, type RobotPair } from './robot/pair.ts';

const DEFAULT_CONFIG = fileURLToPath(new URL('../config/earshot.yaml', import.meta.url));
const USAGE = 'Usage: npm start -- [--config FILE]   (EARSHOT_CONFIG, EARSHOT_DATA, EARSHOT_LOG=debug|info|warn|error)';

function commandLine(): { config: string } | null {
  try {
    const { values } = parseArgs({ options: { config: { type: 'string' }, help: { type: 'boolean' } } });
    if (values.help === true) return null;
    return { config: values.config ?? process.env['EARSHOT_CONFIG'] ?? DEFAULT_CONFIG };
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    return null;
  }
}

/** Resolves at the first request to end, and again at each later one. */
function endRequests(): { next(): Promise<string> } {
  const waiting: ((signal: string) => void)[] = [];
  const come: string[] = [];
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => {
      const resolveNext = waiting.shift();
      if (resolveNext === undefined) come.push(signal);
      else resolveNext(signal);
    });
  }
  return {
    next: () =>
      new Promise((resolveNext) => {
        const signal = come.shift();
        if (signal === undefined) waiting.push(resolveNext);
        else resolveNext(signal);
      }),
  };
}

/** The two robot phones of the default configuration; null where none are wanted or there is no UDP to reach. */
function demoRobots({ demo, users, sip }: Config, earshot: Earshot, log: Log): RobotPair | null {
  const user = users.find(({ id }) => id === demo?.agent);
  const udp = earshot.sip.find((url) => url.startsWith('udp://'));
  if (demo === undefined || user === undefined || udp === undefined) return null;
  const { hostname: host, port } = new URL(udp.replace(/^udp/, 'http'));
  return startRobotPair({
    server: { host, port: Number(port) },
    domain: sip.domain,
    agent: user,
    customer: { number: demo.customer, dials: demo.dials },
    log,
  });
}

async function main(): Promise<number> {
  const args = commandLine();
  if (args === null) {
    console.error(USAGE);
    return 2;
  }
  const { config, faults } = await loadConfig(args.config);
  if (faults !== undefined) {
    for (const fault of faults) console.error(faultLine(args.config, fault));
    return 2;
  }
  const level = process.env['EARSHOT_LOG'] ?? 'info';
  const log = createLog(isLevel(level) ? level : 'info', (line) => {
    process.stderr.write(`${line}\n`);
  });
  const data = resolve(process.env['EARSHOT_DATA'] ?? 'data');

  const ends = endRequests();
  const giveUp = new AbortController();
  const early = ends.next();
  const started = startEarshot(config, { data, log, signal: giveUp.signal });
  const first = await Promise.race([started, early]);
  if (typeof first === 'string') {
    giveUp.abort();
    await started.then(
      (late) => late.close(),
      () => log('info', `${first}: ended before it was ready`),
    );
    return 0;
  }
  const earshot = first;
  console.log(banner({ config, file: args.config, data, earshot }));
  const robots = demoRobots(config, earshot, log);

  const signal = await early;
  await robots?.close();
  const seconds = config.shutdown.drainSeconds;
  const live = earshot.control.counts().calls;
  if (live > 0) {
    log('info', `${signal}: no new calls; ${live} may go on for up to ${seconds} s (once more to end at once)`);
    await Promise.race([earshot.drain(seconds), ends.next()]);
  }
  await earshot.close();
  log('info', 'ended');
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  console.error(`earshot: ${error.message}`);
  process.exitCode = 1;
}

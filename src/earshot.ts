/**
 * The composition root: makes the parts, hands each what it needs, and takes them down in the reverse order. Nothing
 * else wires modules together; main.ts is the process around it, tests and tools run it inside their own.
 */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createFreeSwitchEngine } from '../media/freeswitch/index.ts';
import { createMediasoupEngine } from '../media/mediasoup/index.ts';
import type { MediaEngine } from '../media/engine.ts';
import { createApi, type MetricSource } from './api/index.ts';
import type { CallView } from './call/views.ts';
import type { Config } from './config/schema.ts';
import { teamsOf } from './control/directory.ts';
import { createControl, type Control } from './control/index.ts';
import type { Clock, Signalling } from './control/ports.ts';
import type { Log } from './log.ts';
import { mediaMetrics, poolMetrics, sipMetrics, storeMetrics, threadMetrics } from './metrics.ts';
import { createMediaCaller, createSignalling, type MediaCaller, type SrfOptions } from './sip/index.ts';
import { startSipServer, type SipServer } from './sip-server/index.ts';
import { openStore, type Store } from './store/index.ts';
import { version } from './version.ts';
import { createConsole } from './web/server/index.ts';

export interface EarshotOptions {
  /** Folder for what is kept. */
  readonly data: string;
  readonly log: Log;
  /** Gives up a start that is under way, as one that waits for a drachtio-server. */
  readonly signal?: AbortSignal;
}

export interface Earshot {
  /** `http://HOST:PORT` */
  readonly apiUrl: string;
  /** Where phones reach the embedded SIP server; empty with a drachtio-server. */
  readonly sip: readonly string[];
  readonly webrtc: MediaEngine['webrtc'];
  readonly control: Control;
  /** No new calls; live ones may end. Resolves when the last one has, or after `seconds`. */
  drain(seconds: number): Promise<void>;
  /** Ends everything. Idempotent; cuts a drain short. */
  close(): Promise<void>;
}

/** The server cannot start: what is wrong and where it is configured, in one line. */
export class StartError extends Error {
  constructor(what: string, cause: unknown) {
    super(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = 'StartError';
  }
}

/** What the BYEs of calls that are cut off get to be answered, ms. */
const GOODBYE_MS = 1000;

const clock: Clock = {
  now: Date.now,
  after(ms, task) {
    const timer = setTimeout(task, ms);
    return () => {
      clearTimeout(timer);
    };
  },
};

/** Rejects with a StartError; nothing is left open then. Resolves once phones can register. */
export async function startEarshot(config: Config, { data, log, signal }: EarshotOptions): Promise<Earshot> {
  const closers: (() => Promise<void>)[] = [];
  const part = async <T>(what: string, make: () => T | Promise<T>, close?: (made: T) => Promise<void>): Promise<T> => {
    try {
      const made = await make();
      if (close !== undefined) closers.push(() => close(made));
      signal?.throwIfAborted();
      return made;
    } catch (error) {
      throw new StartError(what, error);
    }
  };
  const closeAll = async (): Promise<void> => {
    for (let close = closers.pop(); close !== undefined; close = closers.pop()) {
      try {
        await close();
      } catch (error) {
        log('error', `closing: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  };

  try {
    return await compose();
  } catch (error) {
    await closeAll();
    throw error;
  }

  async function compose(): Promise<Earshot> {
    const store = await part(
      'data folder',
      () => openStore({ folder: data, teamsOf: teamsOfCall(config), log }),
      close,
    );
    const sip = await part(
      'sip.listen',
      () => sipServer(config, log),
      async (made) => made?.server.close(),
    );
    const srfOptions = sip?.srf ?? config.sip.drachtio;
    const caller =
      config.media.engine === 'freeswitch'
        ? await part('sip', () => createMediaCaller(srfOptions, clock, log), close)
        : null;
    if (caller !== null) await part('sip', () => Promise.race([caller.start(), aborted(signal)]));
    const { engine: media, metrics } = await part(
      'media',
      () => (caller === null ? mediasoup(config, log) : freeswitch(config, caller, log)),
      ({ engine }) => engine.close(),
    );
    const signalling = await part('sip', () => createSignalling({ config, srfOptions, log, clock }), close);
    const control = createControl({ config, signalling, media, clock, log, journal: store });
    closers.push(() => goodbye(control, sip?.server ?? null));

    let state: 'starting' | 'ready' | 'draining' | 'closed' = 'starting';
    const api = await part(
      'api.listen',
      () =>
        createApi({
          control,
          config,
          webrtc: media.webrtc,
          version,
          health: () => ({
            ready: state === 'ready' && signalling.connected,
            parts: parts(state, signalling, store, media),
          }),
          metrics: [...sipMetrics(sip?.server ?? null), ...mediaMetrics(media), ...metrics, ...storeMetrics(store)],
          archive: store,
          ...(sip === null ? {} : { sipListen: sip.server.listen }),
          web: webConsole(log),
          log,
        }),
      close,
    );
    const { url } = await part(`api.listen ${config.api.listen}`, () => api.listen());
    await part('sip', () => Promise.race([control.start(), aborted(signal)]));
    state = 'ready';

    let closing: Promise<void> | null = null;
    return {
      apiUrl: url,
      sip: sip?.server.listen ?? [],
      webrtc: media.webrtc,
      control,
      async drain(seconds) {
        if (state === 'ready') state = 'draining';
        await control.drain(seconds);
      },
      close() {
        state = 'closed';
        closing ??= closeAll();
        return closing;
      },
    };
  }
}

/** The console; a fault in it costs the console, not the telephones. */
function webConsole(log: Log): typeof createConsole {
  return (options) => {
    try {
      return createConsole(options);
    } catch (error) {
      log('error', `the console is off: ${error instanceof Error ? error.message : String(error)}`);
      return (_req, _res, next) => {
        next();
      };
    }
  };
}

/** Rejects when the signal is given; never resolves. */
function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal?.addEventListener('abort', () => {
      reject(new Error('given up'));
    });
  });
}

const close = (part: { close(): Promise<void> }): Promise<void> => part.close();

/** Every call that is still up is ended, and its phones get the time to answer the BYE. */
async function goodbye(control: Control, server: SipServer | null): Promise<void> {
  const before = control.counts().calls;
  await control.close();
  if (before === 0) return;
  const until = Date.now() + GOODBYE_MS;
  do await delay(20);
  while (Date.now() < until && (server === null || server.counts().dialogs > 0));
}

/** The embedded SIP server, with a control port that only this process knows the secret of; null where another is used. */
async function sipServer(config: Config, log: Log): Promise<{ server: SipServer; srf: SrfOptions } | null> {
  if (config.sip.server !== 'embedded') return null;
  const secret = randomBytes(24).toString('hex');
  const { tls, externalAddress, listen } = config.sip;
  const server = await startSipServer({
    listen,
    control: { host: '127.0.0.1', port: 0 },
    secret,
    ...(tls === undefined
      ? {}
      : { tls: { cert: await readFile(tls.cert, 'utf8'), key: await readFile(tls.key, 'utf8') } }),
    ...(externalAddress === undefined ? {} : { externalAddress }),
    log,
  });
  return { server, srf: { ...server.control, secret } };
}

interface Media {
  readonly engine: MediaEngine;
  readonly metrics: readonly MetricSource[];
}

async function mediasoup(config: Config, log: Log): Promise<Media> {
  const { address, announcedAddress, rtpPorts, codecs, threads, music } = config.media;
  const engine = await createMediasoupEngine({
    address,
    rtpPorts,
    codecs,
    ...(announcedAddress === undefined ? {} : { announcedAddress }),
    ...(threads === undefined ? {} : { threads }),
    ...(music === undefined ? {} : { music }),
    log,
  });
  return { engine, metrics: threadMetrics(() => engine.threadStats()) };
}

/** Addresses and ports of RTP are in FreeSWITCH's own configuration. */
async function freeswitch(config: Config, sip: MediaCaller, log: Log): Promise<Media> {
  const { freeswitch: servers, codecs, music } = config.media;
  const engine = await createFreeSwitchEngine({
    servers,
    sip,
    codecs,
    ...(music === undefined ? {} : { music: resolve(music) }),
    log,
  });
  return { engine, metrics: poolMetrics(() => engine.servers()) };
}

/** The teams whose supervisors may see a closed call: of its queue and of everyone in it. */
function teamsOfCall(config: Config): (call: CallView) => readonly string[] {
  const users = new Map(config.users.map((user) => [user.id, user]));
  const queues = new Map(config.queues.map((queue) => [queue.id, queue.team]));
  return (call) => {
    const teams = new Set<string>();
    const queue = call.queue === null ? undefined : queues.get(call.queue);
    if (queue !== undefined) teams.add(queue);
    if (call.agent !== null) teams.add(call.agent.team);
    for (const { userId, role } of call.participants) {
      const user = userId === null || role === 'supervisor' ? undefined : users.get(userId);
      if (user !== undefined) for (const team of teamsOf(user)) teams.add(team);
    }
    return [...teams];
  };
}

function parts(state: string, { connected }: Signalling, store: Store, media: MediaEngine): Record<string, string> {
  const { failing } = store.status;
  const { available, reason } = media.webrtc;
  return {
    sip: state !== 'ready' ? state : connected ? 'ok' : 'the connection to the SIP server is lost; reconnecting',
    media: media.name,
    webrtc: available ? 'ok' : (reason ?? 'off'),
    store: failing === null ? 'ok' : `failing: ${failing}`,
  };
}

/**
 * Two robot phones that talk to each other for as long as the server runs, so that a newcomer has a call to listen to:
 * an agent who picks up whatever rings, and a customer who calls and calls again when the call has ended.
 */
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { RobotPhone, type RobotPhoneOptions } from './phone.ts';
import { PILOTS } from './pilot.ts';
import { readWav } from './wav.ts';

export interface RobotPairOptions {
  readonly server: { readonly host: string; readonly port: number };
  readonly domain: string;
  readonly agent: { readonly name: string; readonly extension: string; readonly password: string };
  /** Who calls, and the number that is called. */
  readonly customer: { readonly number: string; readonly dials: string };
  readonly log: (level: 'info' | 'warn', message: string) => void;
}

export interface RobotPair {
  /** Hangs up and unregisters. Idempotent. */
  close(): Promise<void>;
}

const AGAIN_MS = 5000;

export function startRobotPair(options: RobotPairOptions): RobotPair {
  const stop = new AbortController();
  const phones: RobotPhone[] = [];
  const running = run(options, phones, stop.signal);
  let closing: Promise<void> | null = null;
  return {
    close() {
      stop.abort();
      closing ??= (async () => {
        await Promise.all(phones.map((phone) => phone.close()));
        await running;
        await Promise.all(phones.map((phone) => phone.close()));
      })();
      return closing;
    },
  };
}

/** Ends when the signal is given. Never rejects. */
async function run({ agent, customer, log, ...common }: RobotPairOptions, phones: RobotPhone[], signal: AbortSignal) {
  const open = async (voice: 'agent' | 'customer', own: Pick<RobotPhoneOptions, 'name' | 'number' | 'password'>) => {
    const phone = await RobotPhone.start({
      ...common,
      ...own,
      answers: 'always',
      speech: readWav(fileURLToPath(new URL(`./speech/${voice}.wav`, import.meta.url))),
      pilotHz: PILOTS[voice],
      pilots: new Map(Object.entries(PILOTS)),
    });
    phones.push(phone);
    return phone;
  };
  let caller: RobotPhone | null = null;
  while (!signal.aborted) {
    try {
      if (caller === null) {
        const { name, extension: number, password } = agent;
        await (await open('agent', { name, number, password })).register();
        caller = await open('customer', { name: 'Robot customer', number: customer.number });
      }
      const call = await caller.dial(customer.dials);
      await Promise.race([call.ended, aborted(signal)]);
    } catch (error) {
      if (!signal.aborted) log('warn', `robot phones: ${error instanceof Error ? error.message : String(error)}`);
      if (caller === null) await Promise.all(phones.splice(0).map((phone) => phone.close()));
    }
    await sleep(AGAIN_MS, undefined, { signal }).catch(() => undefined);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Starts the embedded SIP server: transports, transactions, and the control port for drachtio-srf applications. */
import { setTimeout as delay } from 'node:timers/promises';
import { Core } from './drachtio/core.ts';
import { ControlServer } from './drachtio/control-server.ts';
import type { SipServer, SipServerOptions } from './server.ts';
import { stoppableClock, systemClock } from './transaction/clock.ts';
import { udpRefused } from './transaction/udp-probe.ts';
import { createTransport, formatListenPoint, parseListenPoint } from './transport/index.ts';

export type { SipServer, SipServerOptions } from './server.ts';

/** What the last messages (BYE, 503) get to leave us. */
const FLUSH_MS = 50;

/** Rejects with an Error that says which address or option is at fault; nothing is left open then. */
export async function startSipServer(options: SipServerOptions): Promise<SipServer> {
  if (options.secret === '') throw new Error('secret: must not be empty');
  if (options.listen.length === 0) throw new Error('listen: at least one address is needed');
  const external = options.externalAddress === undefined ? undefined : { host: options.externalAddress };
  const listen = options.listen.map((text) => parseListenPoint(text, external));
  const log = options.log ?? (() => undefined);
  const transport = createTransport({ listen, log, ...(options.tls === undefined ? {} : { tls: options.tls }) });
  const clock = stoppableClock(systemClock);
  const core = new Core({ transport, clock, log, probe: udpRefused });
  const { host, port } = options.control;
  const control = new ControlServer({ host, port, secret: options.secret, log, commands: core.commands });
  await transport.start();
  let bound: { host: string; port: number };
  try {
    bound = await control.listen();
  } catch (error) {
    core.close();
    clock.stop();
    await transport.close();
    throw error;
  }
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await control.close();
    await delay(FLUSH_MS);
    core.close();
    clock.stop(); // what still waits for a repeated 2xx (timer M) waits for nobody now
    await transport.close();
  };
  return {
    listen: transport.listenPoints.map(formatListenPoint),
    control: bound,
    counts: () => ({
      transactions: core.layer.count,
      dialogs: core.sessions.size,
      connections: transport.counts().connections,
      clients: control.clients,
    }),
    close: () => (closed ??= close()),
  };
}

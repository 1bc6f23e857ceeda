import { createServer } from 'node:net';
import type Srf from 'drachtio-srf';
import { afterEach, describe, expect, it } from 'vitest';
import { startSipServer } from '../../../src/sip-server/index.ts';
import type { SipServer } from '../../../src/sip-server/index.ts';
import { freePort } from '../../support/ports.ts';
import { Child, assertNoChildren, requireProgram } from '../../support/process.ts';
import { until } from '../../support/until.ts';
import { connectApplication, hangUp } from './application.ts';
import type { Application } from './application.ts';

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close();
  assertNoChildren();
});

async function start(port: number): Promise<SipServer> {
  const server = await startSipServer({
    listen: [`udp://127.0.0.1:${port}`, `tcp://127.0.0.1:${port}`],
    control: { host: '127.0.0.1', port: 0 },
    secret: 'cymru',
  });
  open.push(server);
  return server;
}

async function application(server: SipServer): Promise<Application> {
  const app = await connectApplication(server);
  open.push(app);
  return app;
}

function sipp(name: string, args: readonly string[]): Child {
  const child = new Child(name, requireProgram('sipp'), ['-i', '127.0.0.1', '-nostdin', '-skip_rlimit', ...args]);
  open.push({ close: () => child.stop('SIGKILL') });
  return child;
}

/** Back to back: each side that ends, ends the other. */
function bridge(srf: Srf, to: string): { errors: string[]; bridged: () => number } {
  const errors: string[] = [];
  let bridged = 0;
  srf.invite((req, res) => {
    srf
      .createB2BUA(req, res, to, {})
      .then(({ uas, uac }) => {
        bridged += 1;
        uas.on('destroy', () => void hangUp(uac).catch((e: unknown) => errors.push(String(e))));
        uac.on('destroy', () => void hangUp(uas).catch((e: unknown) => errors.push(String(e))));
      })
      .catch((error: unknown) => errors.push(String(error)));
  });
  return { errors, bridged: () => bridged };
}

describe('calls through a drachtio-srf application, sipp at both ends', () => {
  it.each(['u1', 't1'])('50 at a time (sipp -t %s): all connect, all end', async (transport) => {
    const port = await freePort();
    const server = await start(port);
    const { srf } = await application(server);
    const calleePort = await freePort();
    const suffix = transport === 't1' ? ';transport=tcp' : '';
    const { errors, bridged } = bridge(srf, `sip:bob@127.0.0.1:${calleePort}${suffix}`);
    const t = ['-t', transport];
    sipp('callee', ['-sn', 'uas', '-p', String(calleePort), '-mp', String(await freePort()), ...t]);
    const caller = sipp('caller', [
      ...['-sn', 'uac', '-p', String(await freePort()), '-mp', String(await freePort()), ...t],
      ...['-m', '50', '-l', '50', '-r', '50', '-d', '1500', '-timeout', '40', `127.0.0.1:${port}`],
    ]);
    await until('50 calls at once', () => server.counts().dialogs >= 100, 20_000);
    expect((await caller.exited).code).toBe(0);
    await until('the dialogs to end', () => server.counts().dialogs === 0, 10_000);
    expect([errors, bridged()]).toEqual([[], 50]);
  });

  it('a callee that does not answer, then one that is not there: the caller is told', async () => {
    const port = await freePort();
    const server = await start(port);
    const { srf } = await application(server);
    const closed = await freePort();
    srf.invite((req, res) => {
      srf.createB2BUA(req, res, `sip:bob@127.0.0.1:${closed};transport=tcp`, {}).catch(() => undefined);
    });
    const { srf: client } = await application(server);
    await expect(
      client.createUAC(`sip:127.0.0.1:${closed};transport=tcp`, { localSdp: 'v=0\r\n' }),
    ).rejects.toMatchObject({
      status: 503,
    });
    await expect(client.createUAC(`sip:127.0.0.1:${closed}`, { localSdp: 'v=0\r\n' })).rejects.toMatchObject({
      status: 503,
    });
    expect(server.counts().dialogs).toBe(0);
  });

  it('an application that is killed: its calls end, another serves the next', async () => {
    const port = await freePort();
    const server = await start(port);
    const first = await application(server);
    const calleePort = await freePort();
    bridge(first.srf, `sip:bob@127.0.0.1:${calleePort}`);
    sipp('callee', ['-sn', 'uas', '-p', String(calleePort), '-mp', String(await freePort())]);
    const callerPort = await freePort();
    sipp('caller', [
      ...['-sn', 'uac', '-p', String(callerPort), '-mp', String(await freePort())],
      ...['-m', '1', '-d', '60000', `127.0.0.1:${port}`],
    ]);
    await until('the call', () => server.counts().dialogs === 2, 10_000);
    first.close();
    await until('its end', () => server.counts().dialogs === 0, 10_000);
    const second = await application(server);
    const { bridged } = bridge(second.srf, `sip:bob@127.0.0.1:${calleePort}`);
    const again = sipp('caller again', [
      ...['-sn', 'uac', '-p', String(await freePort()), '-mp', String(await freePort())],
      ...['-m', '1', '-d', '100', '-timeout', '20', `127.0.0.1:${port}`],
    ]);
    expect((await again.exited).code).toBe(0);
    expect(bridged()).toBe(1);
  });
});

describe('a port of the control protocol that is taken', () => {
  it('the server does not start, and says why', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    open.push({ close: () => taken.close() });
    const address = taken.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const options = { listen: ['udp://127.0.0.1:0'], control: { host: '127.0.0.1', port }, secret: 's' };
    await expect(startSipServer(options)).rejects.toThrow('EADDRINUSE');
  });
});

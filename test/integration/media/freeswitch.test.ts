/** The engine freeswitch keeps the contract of every engine, on a real FreeSWITCH; calls reach it by the SIP server under test. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { Bridge } from '../../../media/engine.ts';
import { FsLeg } from '../../../media/freeswitch/endpoint.ts';
import { createFreeSwitchEngine } from '../../../media/freeswitch/index.ts';
import { createMediaCaller } from '../../../src/sip/index.ts';
import { startSipServer } from '../../../src/sip-server/index.ts';
import { notTested, realDrachtio, realFreeSwitch } from '../../support/real.ts';
import type { Peer } from '../../support/real.ts';
import { realClock } from '../sip/harness.ts';
import { engineContract } from './contract.ts';
import { until } from './phone.ts';

const closers: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const close of closers.reverse()) await close();
});

/** An event socket by way of a relay that a test can cut. */
class Relay {
  readonly peer: Peer;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(peer: Peer, server: Server, sockets: Set<Socket>) {
    this.peer = peer;
    this.#server = server;
    this.#sockets = sockets;
  }

  static async open({ host, port, secret }: Peer): Promise<Relay> {
    const sockets = new Set<Socket>();
    const server = createServer((near) => {
      const far = connect(port, host);
      for (const socket of [near, far]) {
        sockets.add(socket);
        socket.on('error', () => undefined);
        socket.on('close', () => (socket === near ? far : near).destroy());
      }
      near.pipe(far).pipe(near);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const own = typeof address === 'object' && address !== null ? address.port : 0;
    return new Relay({ host: '127.0.0.1', port: own, secret }, server, sockets);
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  close(): void {
    this.#server.close();
  }
}

async function control(): Promise<{ host: string; port: number; secret: string }> {
  if (realDrachtio !== null) return realDrachtio;
  const secret = 'test secret';
  const server = await startSipServer({
    listen: ['udp://127.0.0.1:0'],
    control: { host: '127.0.0.1', port: 0 },
    secret,
  });
  closers.push(() => server.close());
  return { ...server.control, secret };
}

/** The channels of a FreeSWITCH, by their identifiers. */
async function channels({ host, port, secret }: Peer): Promise<string[]> {
  const socket = connect(port, host);
  socket.write(`auth ${secret}\n\napi show channels as json\n\nexit\n\n`);
  let text = '';
  for await (const chunk of socket.setEncoding('utf8')) text += String(chunk);
  const list = JSON.parse(/\{.*\}/s.exec(text)?.[0] ?? '{}') as { rows?: { uuid: string }[] };
  return (list.rows ?? []).map(({ uuid }) => uuid);
}

if (realFreeSwitch === null) {
  describe('media engine freeswitch', () => {
    it('is not tested on a real FreeSWITCH, and the run says so', () => {
      expect(notTested()).toContain('EARSHOT_TEST_FREESWITCH=host:port:secret');
    });
  });
} else {
  const servers = [realFreeSwitch];
  engineContract('freeswitch', {
    silenceSeconds: 2,
    events: 'sent anew',
    purity: 0.7,
    create: async () => {
      const sip = createMediaCaller(await control(), realClock, () => undefined);
      await sip.start();
      closers.push(() => sip.close());
      return createFreeSwitchEngine({ servers, sip, codecs: ['PCMU', 'PCMA'], silenceSeconds: 2 });
    },
  });

  describe('the pool of FreeSWITCH', () => {
    it('a call whose FreeSWITCH is lost ends with a reason; others go on; the pool is healed', async () => {
      const [first, second] = [await Relay.open(realFreeSwitch!), await Relay.open(realFreeSwitch!)];
      const sip = createMediaCaller(await control(), realClock, () => undefined);
      await sip.start();
      closers.push(() => sip.close());
      const engine = await createFreeSwitchEngine({
        servers: [first.peer, second.peer],
        sip,
        codecs: ['PCMU'],
        silenceSeconds: 600,
      });
      closers.push(() => engine.close());
      const lost: string[] = [];
      const call = async (id: string): Promise<Bridge> => {
        const bridge = await engine.createBridge(id, {
          onDtmf: () => undefined,
          onSilence: () => undefined,
          onLevels: () => undefined,
          onLost: ({ code }) => lost.push(`${id} ${code}`),
        });
        await bridge.createEndpoint({ id: 'agent' });
        return bridge;
      };
      const bridges = [await call('one'), await call('two')];
      const up = (): number => engine.servers().filter((server) => server.up).length;
      expect(engine.servers().map(({ calls }) => calls)).toEqual([1, 1]);

      second.cut();
      await until(() => lost.length > 0, 'the loss is told');
      expect(lost).toEqual(['two engine_lost']);
      await expect(bridges[1]!.createEndpoint({ id: 'late' })).rejects.toMatchObject({ code: 'closed' });
      await bridges[0]!.createEndpoint({ id: 'customer' });
      await until(() => up() === 2, 'the pool is healed');
      await call('three');
      expect(engine.servers().map(({ calls }) => calls)).toEqual([1, 1]);
      expect(lost).toEqual(['two engine_lost']);
      first.close();
      second.close();
    });
  });
  it(
    'what a killed Earshot leaves behind ends by itself, and nothing of another one',
    { timeout: 60_000 },
    async () => {
      const sip = createMediaCaller(await control(), realClock, () => undefined);
      await sip.start();
      closers.push(() => sip.close());
      const engine = await createFreeSwitchEngine({ servers, sip, codecs: ['PCMU'], leaseSeconds: 4 });
      closers.push(() => engine.close());
      const lost: string[] = [];
      const bridge = await engine.createBridge('one that lives', {
        onDtmf: () => undefined,
        onSilence: () => undefined,
        onLevels: () => undefined,
        onLost: ({ message }) => lost.push(message),
      });
      const leg = await bridge.createEndpoint({ id: 'agent' });
      const living = leg instanceof FsLeg ? leg.uuid : '';

      const child = spawn(process.execPath, [fileURLToPath(new URL('abandoned.ts', import.meta.url))], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [said] = (await once(child.stdout, 'data')) as [Buffer];
      const abandoned = JSON.parse(said.toString()) as string[];
      child.kill('SIGKILL');
      await once(child, 'exit');
      expect(await channels(realFreeSwitch!)).toEqual(expect.arrayContaining([...abandoned, living]));

      for (let left = abandoned; left.length > 0; await new Promise((resolve) => setTimeout(resolve, 200))) {
        const now = await channels(realFreeSwitch!);
        left = abandoned.filter((uuid) => now.includes(uuid));
      }
      expect(lost).toEqual([]);
      expect(await channels(realFreeSwitch!)).toContain(living);
    },
  );
}

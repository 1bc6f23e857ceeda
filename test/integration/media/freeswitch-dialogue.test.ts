/**
 * The engine freeswitch against a recorded FreeSWITCH: what it says on the event socket and in SIP is what a real one took.
 * With EARSHOT_TEST_FREESWITCH the dialogue is held with the real one, and EARSHOT_TEST_RECORD=1 keeps it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import type { Bridge, MediaEngine } from '../../../media/engine.ts';
import { createFreeSwitchEngine } from '../../../media/freeswitch/index.ts';
import { createMediaCaller } from '../../../src/sip/index.ts';
import { startSipServer } from '../../../src/sip-server/index.ts';
import { realFreeSwitch } from '../../support/real.ts';
import { realClock } from '../sip/harness.ts';
import { matrixOf } from './contract.ts';
import { Player, Recorder } from './dialogue.ts';
import type { Entry } from './dialogue.ts';

const FILE = fileURLToPath(new URL('dialogues/supervision.jsonl', import.meta.url));

function phone(port: number, direction = 'sendrecv'): string {
  return `v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio ${port} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=${direction}\r\n`;
}

/** What the supervisor says goes over from the agent to the customer: one pair is taken away, one is given. */
const TURNED = { agent: ['customer'], customer: ['agent', 'supervisor'], supervisor: ['agent', 'customer'] };

/** A supervised call: join, listen, whisper, turn, hold, leave. No RTP. */
async function supervision(
  engine: MediaEngine,
  turn: (bridge: Bridge) => Promise<void> = (bridge) => bridge.applyMatrix(matrixOf(TURNED), 4),
): Promise<void> {
  const bridge = await engine.createBridge('call', {
    onDtmf: () => undefined,
    onSilence: () => undefined,
    onLevels: () => undefined,
    onLost: (error) => {
      throw error;
    },
  });
  const agent = await bridge.createEndpoint({ id: 'agent', offer: phone(40_000) });
  await bridge.createEndpoint({ id: 'customer', offer: phone(40_002) });
  await bridge.applyMatrix(matrixOf({ agent: ['customer'], customer: ['agent'] }), 1);
  const supervisor = await bridge.createEndpoint({ id: 'supervisor' });
  await supervisor.accept(phone(40_004));
  const listen = { agent: ['customer'], customer: ['agent'], supervisor: ['agent', 'customer'] };
  await bridge.applyMatrix(matrixOf(listen), 2);
  await bridge.applyMatrix(matrixOf({ ...listen, agent: ['customer', 'supervisor'] }), 3);
  await turn(bridge);
  expect(await agent.answer(phone(40_000, 'sendonly'))).toContain('a=recvonly');
  await supervisor.close();
  await bridge.close();
}

function recorded(): Entry[] {
  const lines = readFileSync(FILE, 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Entry);
}

async function playing(player: Player): Promise<MediaEngine> {
  return createFreeSwitchEngine({
    servers: [await player.open()],
    sip: player.caller(),
    codecs: ['PCMU', 'PCMA'],
    silenceSeconds: 600,
  });
}

/** Where on the tape the command of the last matrix is that takes away; after it the one that gives. */
function takenAway(tape: readonly Entry[]): number {
  return tape.findLastIndex(({ text }) => text.includes(' nospeak\n\n') && text.startsWith('api conference'));
}

it('R-HEAR-7: what is taken away is confirmed before anything is given', () => {
  const tape = recorded().filter(({ line }) => line === 'control');
  const at = takenAway(tape);
  expect(tape.slice(at, at + 3).map(({ from, text }) => `${from}: ${/nospeak|clear/.exec(text)?.[0] ?? ''}`)).toEqual([
    'earshot: nospeak',
    'freeswitch: nospeak',
    'earshot: clear',
  ]);
});

it('R-HEAR-7, R-HEAR-9: where taking away is refused nothing is given, and the engine says so', async () => {
  const tape = recorded();
  const answer = tape.findIndex(
    ({ line, from }, i) => i > takenAway(tape) && line === 'control' && from === 'freeswitch',
  );
  const body = '-ERR error!\n';
  tape[answer] = {
    ...tape[answer]!,
    text: `Content-Type: api/response\nContent-Length: ${String(body.length)}\n\n${body}`,
  };
  const player = new Player(tape);
  try {
    const engine = await playing(player);
    const given = (): string[] => player.unsaid().filter((text) => text.includes(' clear\n'));
    await supervision(engine, async (bridge) => {
      const before = given();
      expect(before).toHaveLength(1);
      await expect(bridge.applyMatrix(matrixOf(TURNED), 4)).rejects.toMatchObject({ code: 'engine_lost' });
      expect(given()).toEqual(before);
    });
    await engine.close();
  } finally {
    player.close();
  }
});

it('R-HEAR-9: says to FreeSWITCH what a real one was told, and takes its answers', async () => {
  const closers: (() => Promise<void> | void)[] = [];
  try {
    if (realFreeSwitch === null) {
      const player = new Player(recorded());
      closers.push(() => player.close());
      const engine = await playing(player);
      await supervision(engine);
      await engine.close();
      expect(player.faults).toEqual([]);
      expect(player.unsaid()).toEqual([]);
      return;
    }
    const secret = 'test secret';
    const server = await startSipServer({
      listen: ['udp://127.0.0.1:0'],
      control: { host: '127.0.0.1', port: 0 },
      secret,
    });
    closers.push(() => server.close());
    const sip = createMediaCaller({ ...server.control, secret }, realClock, () => undefined);
    await sip.start();
    closers.push(() => sip.close());
    const recorder = new Recorder();
    closers.push(() => recorder.close());
    const engine = await createFreeSwitchEngine({
      servers: [await recorder.open(realFreeSwitch)],
      sip: recorder.caller(sip),
      codecs: ['PCMU', 'PCMA'],
      silenceSeconds: 600,
    });
    await supervision(engine);
    await engine.close();
    expect(recorder.tape.some(({ text }) => text.includes('nospeak'))).toBe(true);
    if (process.env['EARSHOT_TEST_RECORD'] === '1') {
      writeFileSync(FILE, recorder.tape.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    }
  } finally {
    for (const close of closers.reverse()) await close();
  }
});

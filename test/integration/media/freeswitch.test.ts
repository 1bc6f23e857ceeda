/** The engine freeswitch keeps the contract of every engine, on a real FreeSWITCH; calls reach it by the SIP server under test. */
import { afterAll, describe, expect, it } from 'vitest';
import { createFreeSwitchEngine } from '../../../media/freeswitch/index.ts';
import { createMediaCaller } from '../../../src/sip/index.ts';
import { startSipServer } from '../../../src/sip-server/index.ts';
import { notTested, realDrachtio, realFreeSwitch } from '../../support/real.ts';
import { realClock } from '../sip/harness.ts';
import { engineContract } from './contract.ts';

const closers: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const close of closers.reverse()) await close();
});

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
    create: async () => {
      const sip = createMediaCaller(await control(), realClock, () => undefined);
      await sip.start();
      closers.push(() => sip.close());
      return createFreeSwitchEngine({ servers, sip, codecs: ['PCMU', 'PCMA'], silenceSeconds: 2 });
    },
  });
}

/** An Earshot's media engine with a call on FreeSWITCH, in a process of its own, for a test to kill. Says its channels. */
import { FsLeg } from '../../../media/freeswitch/endpoint.ts';
import { createFreeSwitchEngine } from '../../../media/freeswitch/index.ts';
import { createMediaCaller } from '../../../src/sip/index.ts';
import { startSipServer } from '../../../src/sip-server/index.ts';
import { realFreeSwitch } from '../../support/real.ts';

const secret = 'test secret';
const { control } = await startSipServer({
  listen: ['udp://127.0.0.1:0'],
  control: { host: '127.0.0.1', port: 0 },
  secret,
});
const clock = {
  now: () => Date.now(),
  after: (ms: number, task: () => void) => {
    const timer = setTimeout(task, ms);
    return () => clearTimeout(timer);
  },
};
const sip = createMediaCaller({ ...control, secret }, clock, () => undefined);
await sip.start();
if (realFreeSwitch === null) throw new Error('a FreeSWITCH is wanted');
const engine = await createFreeSwitchEngine({ servers: [realFreeSwitch], sip, codecs: ['PCMU'], leaseSeconds: 4 });
const bridge = await engine.createBridge('abandoned', {
  onDtmf: () => undefined,
  onSilence: () => undefined,
  onLevels: () => undefined,
  onLost: () => process.exit(3),
});
const legs = [await bridge.createEndpoint({ id: 'agent' }), await bridge.createEndpoint({ id: 'customer' })];
console.log(JSON.stringify(legs.map((leg) => (leg instanceof FsLeg ? leg.uuid : ''))));

/**
 * Writes records into a store as fast as it can, and tells which ones are on disk: a line `ok N` means that call N and
 * its supervision are. It is killed by the test. Arguments: folder, number of the first call.
 */
import { writeSync } from 'node:fs';
import { openStore } from '../../../src/store/index.ts';
import { audit, closed, sampleCall, sampleSupervision, timeline } from './sample.ts';

const [folder = '', first = '0'] = process.argv.slice(2);
const store = await openStore({ folder, teamsOf: () => ['sales'], log: () => undefined });
writeSync(1, 'open\n');
for (let n = Number(first); ; n++) {
  const supervision = sampleSupervision(`s${n}`, { callId: `c${n}` });
  store.append(timeline(`c${n}`, 'call.created', { direction: 'inbound', queue: 'sales', n }));
  store.append(audit('started', supervision));
  if (n % 3 === 0) await store.durable();
  store.append(audit('updated', { ...supervision, mode: 'whisper' }));
  store.append(
    audit('ended', { ...supervision, state: 'ended', endedAt: supervision.startedAt, endReason: 'stopped' }),
  );
  store.append(timeline(`c${n}`, 'call.closed', { n }));
  store.append(closed(sampleCall(`c${n}`)));
  void store.durable().then(() => writeSync(1, `ok ${n}\n`));
  if (n % 5 === 0) await store.durable();
}

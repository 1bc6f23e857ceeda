/**
 * `npm run bench`: what Earshot costs and how fast it is, each figure beside its floor or a peer measured in this run.
 * Takes some minutes; the machine should do nothing else meanwhile. Status 1 where a figure misses what is wanted.
 */
import { cpus } from 'node:os';
import { mediaBench } from './media.ts';
import type { Row } from './media.ts';
import { opusBench } from './opus.ts';
import { rulesBench } from './rules.ts';
import { systemBench } from './system.ts';
import { meets, table } from './table.ts';
import type { Figure } from './table.ts';
import { webrtcBench } from './webrtc.ts';

/** The engine's figures: a floor follows the figure that it belongs to. */
function figuresOf(rows: readonly Row[]): Figure[] {
  const figures: Figure[] = [];
  for (const { name, value, unit, wanted } of rows) {
    const before = figures.at(-1);
    const floor = /^\s*floor: (.*)/.exec(name)?.[1];
    if (floor !== undefined && before !== undefined)
      figures.splice(-1, 1, { ...before, floor: { what: floor, value } });
    else figures.push({ name, value, unit, ...(wanted === undefined ? {} : { wanted }) });
  }
  return figures;
}

async function main(): Promise<boolean> {
  console.log(`${cpus().length} cores, ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}\n`);
  console.log('media engine (the thread that carries the calls)');
  const media = figuresOf(await mediaBench());
  for (const line of table(media)) console.log(line);
  console.log('\nwhole server (from outside: HTTP, SIP, RTP)');
  const system = await systemBench();
  for (const line of table(system)) console.log(line);
  console.log('\nrules of supervision (whole server)');
  const rules = await rulesBench();
  for (const line of table(rules)) console.log(line);
  console.log('\nOpus (the thread that carries the calls)');
  const opus = await opusBench();
  for (const line of table(opus)) console.log(line);
  console.log('\nWebRTC (the thread that carries the calls and the mediasoup worker)');
  const missed = [...media, ...system, ...rules, ...opus].filter((figure) => !meets(figure)).map(({ name }) => name);
  try {
    const webrtc = await webrtcBench();
    for (const line of table(webrtc)) console.log(line);
    missed.push(...webrtc.filter((figure) => !meets(figure)).map(({ name }) => name));
  } catch (error) {
    console.log(`not measured: ${error instanceof Error ? error.message : String(error)}`);
    missed.push('WebRTC');
  }
  console.log(missed.length === 0 ? '\nall wanted figures met' : `\nmissed: ${missed.join(', ')}`);
  return missed.length === 0;
}

process.exitCode = (await main()) ? 0 : 1;

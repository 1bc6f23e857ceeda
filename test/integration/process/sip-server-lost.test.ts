/**
 * The SIP server in a process of its own, killed while a supervised call is up: the embedded one run by its command, and a
 * real drachtio-server where EARSHOT_TEST_DRACHTIO_BINARY names its program.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { CallView, SupervisionView } from '../../../src/call/views.ts';
import type { RobotPhone } from '../../../src/robot/phone.ts';
import { freePort } from '../../support/ports.ts';
import { Child } from '../../support/process.ts';
import { until } from '../../support/until.ts';
import { client, makeSite, robot, ROOT, start, type Site } from './server.ts';

const SECRET = 'secret-of-the-test';
const binary = process.env['EARSHOT_TEST_DRACHTIO_BINARY'] ?? '';
const servers = { embedded: embedded, ...(binary === '' ? {} : { 'drachtio-server': real }) };

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function embedded(sip: number, control: number): Child {
  const listen = ['--listen', `udp://127.0.0.1:${sip}`, '--control', `127.0.0.1:${control}`, '--secret', SECRET];
  return new Child('sip-server', process.execPath, ['src/cli/earshot.ts', 'sip-server', ...listen], { cwd: ROOT });
}

function real(sip: number, control: number, folder: string): Child {
  const file = join(folder, 'drachtio.xml');
  const admin = `<admin port="${control}" secret="${SECRET}">127.0.0.1</admin>`;
  const contacts = `<contacts><contact>sip:127.0.0.1:${sip};transport=udp,tcp</contact></contacts>`;
  const logging = '<logging><console/><loglevel>notice</loglevel></logging>';
  writeFileSync(file, `<drachtio>${admin}<sip>${contacts}</sip>${logging}</drachtio>`);
  return new Child('drachtio', binary, ['--file', file], { cwd: ROOT });
}

async function conversation(site: Site, robots: RobotPhone[]): Promise<CallView> {
  for (const phone of robots.splice(0)) await phone.close();
  for (const [number, password] of [['1001', 'pw-alice'], ['2001', 'pw-sam'], ['+441632960000']] as const) {
    robots.push(await robot(site, number, password));
  }
  await robots[2]!.dial('8000');
  return until('the call to be active', async () =>
    (await client(site, 'sam').calls()).find((call) => call.state === 'active'),
  );
}

describe.each(Object.entries(servers))('the SIP server %s is killed', (_name, run) => {
  test('the call ends with signalling_lost: nobody has hung up; and there are calls again with the next one', async () => {
    const site = await makeSite();
    closers.push(() => site.remove());
    const control = await freePort();
    site.config['sip'] = {
      server: 'drachtio',
      drachtio: { host: '127.0.0.1', port: control, secret: SECRET },
      domain: 'earshot.test',
    };
    let server = run(site.sipPort, control, site.folder);
    closers.push(() => server.stop('SIGKILL'));
    const earshot = await start(site);
    closers.push(() => earshot.stop('SIGKILL'));
    const robots: RobotPhone[] = [];
    closers.push(() => Promise.all(robots.map((phone) => phone.close())));
    const ready = async (): Promise<number> => (await fetch(`${site.base}/health/ready`)).status;
    const { id } = await conversation(site, robots);
    const sam = client(site, 'sam');
    const { body } = await sam.request('POST', `/calls/${id}/supervisions`, { mode: 'listen' });
    const supervision = `/supervisions/${(body as SupervisionView).id}`;
    const view = async (): Promise<SupervisionView> => (await sam.request('GET', supervision)).body as SupervisionView;
    await until('the supervision to be active', async () => (await view()).state === 'active');

    await server.stop('SIGKILL');
    await until('Earshot not to be ready', async () => (await ready()) === 503);
    const closed = await until('the call to be over', async () => {
      const { items } = (await client(site, 'root').request('GET', '/history')).body as { items: CallView[] };
      return items[0];
    });
    expect(closed).toMatchObject({ id, state: 'closed', endReason: 'signalling_lost' });
    expect(await view()).toMatchObject({ state: 'ended', endReason: 'call_ended' });

    server = run(site.sipPort, control, site.folder);
    await until('Earshot to be ready again', async () => (await ready()) === 200);
    expect((await conversation(site, robots)).id).not.toBe(id);
  });
});

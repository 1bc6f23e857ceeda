import { createServer, type Server } from 'node:net';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { freePort, isFree } from '../../support/ports.ts';
import { Child } from '../../support/process.ts';
import { until } from '../../support/until.ts';
import { launch, makeSite, start, type Site } from './server.ts';

let site: Site;
beforeEach(async () => {
  site = await makeSite();
});
afterEach(() => {
  site.remove();
});

describe('a start that cannot be', () => {
  test('a faulty configuration: status 2, one clear line per fault', async () => {
    site.config = { sip: { server: 'x' }, colour: 'red' };
    const child = launch(site);
    expect(await child.exited).toEqual({ code: 2, signal: null });
    expect(child.output.trimEnd().split('\n')).toEqual([
      `${site.file}:1:9 sip.server: "x" is not valid; expected one of embedded, drachtio`,
      `${site.file}:1:23 colour: is not a known field; expected one of the fields that the schema names`,
    ]);
  });

  test('demo passwords beyond loopback: status 2', async () => {
    site.config = { ...site.config, sip: { listen: ['udp://0.0.0.0:0'] } };
    const child = launch(site);
    expect((await child.exited).code).toBe(2);
    expect(child.output).toContain('users[0].password: is a demo secret');
    expect(child.output).not.toContain('pw-alice');
  });

  test('no such file, an unknown option: status 2', async () => {
    for (const args of [['--config', join(site.folder, 'none.yaml')], ['--colour', 'red'], ['extra']]) {
      expect((await launch(site, args).exited).code, args.join(' ')).toBe(2);
    }
  });

  test('a port in use: status 1, one line that names it; nothing stays bound', async () => {
    const other = await occupy(site.apiPort);
    const child = launch(site);
    expect((await child.exited).code).toBe(1);
    expect(child.output).toMatch(
      new RegExp(`^earshot: api\\.listen 127\\.0\\.0\\.1:${site.apiPort}: .*EADDRINUSE`, 'm'),
    );
    other.close();
    expect(await isFree(site.sipPort)).toBe(true);

    const first = await start(site);
    const second = launch({
      ...site,
      config: { ...site.config, api: { listen: '127.0.0.1:0' } },
      folder: `${site.folder}/b`,
    });
    expect((await second.exited).code).toBe(1);
    expect(second.output).toMatch(new RegExp(`^earshot: sip\\.listen: .*${site.sipPort}`, 'm'));
    await first.stop('SIGTERM');
  });

  test('a data folder that another server has: status 1', async () => {
    const first = await start(site);
    const config = { ...site.config, sip: { listen: ['udp://127.0.0.1:0'] }, api: { listen: '127.0.0.1:0' } };
    const second = launch({ ...site, config });
    expect((await second.exited).code).toBe(1);
    expect(second.output).toContain('another Earshot is running with this folder');
    await first.stop('SIGTERM');
  });

  test('hold music that is not there: status 1', async () => {
    site.config = { ...site.config, media: { music: join(site.folder, 'none.wav') } };
    const child = launch(site);
    expect((await child.exited).code).toBe(1);
    expect(child.output).toMatch(/^earshot: media: /m);
  });
});

describe('a start that is', () => {
  test('tells where everything is; demo accounts only where they are demo', async () => {
    const child = await start(site);
    await until('the banner', () => child.output.includes('Ctrl-C'));
    expect(child.output).toContain(`http://127.0.0.1:${site.apiPort}/docs`);
    expect(child.output).toContain(`udp://127.0.0.1:${site.sipPort}`);
    expect(child.output).toContain('sign in as sam / pw-sam');
    await child.stop('SIGTERM');

    const users = (site.config['users'] as { password: string }[]).map((user) => ({ ...user, password: 'own secret' }));
    site.config = { ...site.config, users };
    const own = await start(site);
    await until('the banner', () => own.output.includes('Ctrl-C'));
    expect(own.output).not.toMatch(/sign in as|own secret|token-of/);
    await own.stop('SIGTERM');
  });

  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s ends it with status 0, ports free, at once where no call is live',
    async (signal) => {
      const child = await start(site);
      expect(await child.stop(signal)).toEqual({ code: 0, signal: null });
      expect(await isFree(site.sipPort)).toBe(true);
      expect(await isFree(site.apiPort)).toBe(true);
    },
  );

  test('SIGTERM ends a start that waits for a drachtio-server; health says not ready meanwhile', async () => {
    const drachtio = { host: '127.0.0.1', port: await freePort(), secret: 'x' };
    site.config = { ...site.config, sip: { server: 'drachtio', drachtio } };
    const child = launch(site);
    const ready = await until('an answer', () => fetch(`${site.base}/health/ready`), 20_000);
    expect(ready.status).toBe(503);
    expect(await child.stop('SIGTERM')).toEqual({ code: 0, signal: null });
  });

  test('EARSHOT_CONFIG names the file too', async () => {
    writeFileSync(site.file, '{"colour": 1}');

    const child = new Child('earshot', process.execPath, ['src/main.ts'], { env: { EARSHOT_CONFIG: site.file } });
    expect((await child.exited).code).toBe(2);
    expect(child.output).toContain(`${site.file}:1:2 colour:`);
  });
});

function occupy(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject).listen(port, '127.0.0.1', () => {
      resolve(server);
    });
  });
}

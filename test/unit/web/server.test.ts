import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadAssets } from '../../../src/web/server/assets.ts';
import { importsOf, resolvePackages, strip } from '../../../src/web/server/compile.ts';
import { createConsole, policy } from '../../../src/web/server/index.ts';

describe('compiling for the browser', () => {
  it('takes types off and keeps every line where it was', () => {
    const source =
      "import type { A } from './a.ts';\nimport { b, type C } from './b.ts';\nexport const d: C = b as C;\n";
    const code = strip(source);
    expect(code.split('\n')).toHaveLength(source.split('\n').length);
    expect(code).not.toContain('./a.ts');
    expect(importsOf(code)).toEqual(['./b.ts']);
  });

  it('says nothing about the function of Node being experimental', () => {
    const warnings: unknown[] = [];
    const note = (warning: unknown): void => void warnings.push(warning);
    process.on('warning', note);
    strip('let a: number;');
    process.off('warning', note);
    expect(warnings).toEqual([]);
  });

  it('turns names of packages into addresses, and refuses those that are not served', () => {
    const source = "import { html } from 'lit-html';\nimport { x } from './x.ts';\nawait import('jssip');";
    expect(resolvePackages(source, '/assets/v/')).toBe(
      "import { html } from '/assets/v/vendor/lit-html/lit-html.js';\nimport { x } from './x.ts';\nawait import('/assets/v/vendor/jssip.js');",
    );
    expect(() => resolvePackages("import 'express';", '/')).toThrow('imports express');
  });
});

describe('the assets', () => {
  it('every import of every module leads to a file that is served', () => {
    const { files } = loadAssets();
    const broken = [...files].flatMap(([address, { type, body }]) =>
      type.startsWith('text/javascript')
        ? importsOf(body.toString())
            .map((name) => new URL(name, `http://x${address}`).pathname)
            .filter((target) => !files.has(target))
            .map((target) => `${address}: ${target}`)
        : [],
    );
    expect(broken).toEqual([]);
    expect(files.size).toBeGreaterThan(40);
  });

  it('have no script or style in the page itself, and nothing from elsewhere', () => {
    const html = loadAssets().page.body.toString();
    expect(html).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=|https?:/i);
    expect(html).not.toContain('{{');
  });
});

describe('the console is served', () => {
  let server: Server;
  let base: string;
  beforeAll(async () => {
    const app = express();
    app.use(createConsole({ webSocketUrl: () => 'ws://127.0.0.1:5066' }));
    app.use((_req, res) => void res.status(404).end());
    server = createServer(app).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });

  it('at /, under a strict policy, asked for anew each time', async () => {
    const response = await fetch(`${base}/`);
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toBe('no-cache');
    const csp = response.headers.get('content-security-policy')!;
    expect(csp).toBe(policy('ws://127.0.0.1:5066/sip'));
    expect(csp).not.toMatch(/unsafe|\*|data:/);
    expect(csp).toContain("connect-src 'self' ws://127.0.0.1:5066;");
    expect(policy(null)).toContain("connect-src 'self';");
    expect(response.headers.get('permissions-policy')).toContain('microphone=(self)');
  });

  it('its files are packed, and kept by the browser for good', async () => {
    const html = await (await fetch(`${base}/`)).text();
    const address = /src="([^"]+)"/.exec(html)![1]!;
    for (const encoding of ['br', 'gzip']) {
      const response = await fetch(base + address, { headers: { 'accept-encoding': encoding } });
      expect(response.headers.get('content-encoding')).toBe(encoding);
      expect(response.headers.get('cache-control')).toContain('immutable');
      expect(response.headers.get('vary')).toBe('Accept-Encoding');
      expect(await response.text()).toContain('lit-html');
    }
    const plain = await fetch(base + address, { headers: { 'accept-encoding': 'identity' } });
    expect(plain.headers.get('content-encoding')).toBeNull();
    const head = await fetch(base + address, { method: 'HEAD', headers: { 'accept-encoding': 'identity' } });
    expect(head.headers.get('content-length')).toBe(plain.headers.get('content-length'));
  });

  it('nothing else is: no other method, no way out of the folder', async () => {
    expect((await fetch(`${base}/`, { method: 'POST' })).status).toBe(404);
    for (const path of ['/index.html', '/assets/x/main.ts', '/..%2fpackage.json', '/assets/../../../package.json']) {
      expect((await fetch(base + path)).status).toBe(404);
    }
    expect((await fetch(`${base}/favicon.ico`, { redirect: 'manual' })).status).toBe(301);
  });
});

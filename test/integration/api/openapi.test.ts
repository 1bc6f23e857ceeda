import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startApi, type Harness } from './harness.ts';

let h: Harness;
beforeEach(async () => {
  h = await startApi();
  h.control.addCall('c1');
});
afterEach(() => h.api.close());

describe('openapi.json', () => {
  interface Document {
    openapi: string;
    paths: Record<string, Record<string, { responses: Record<string, unknown>; operationId: string }>>;
    components: { schemas: Record<string, unknown> };
  }
  const fetchDocument = async (): Promise<Document> => (await h.call('/openapi.json', { as: null })).json;

  test('describes what is served and nothing else', async () => {
    const { openapi, paths } = await fetchDocument();
    expect(openapi).toBe('3.1.0');
    const ids = Object.values(paths).flatMap((methods) => Object.values(methods).map((o) => o.operationId));
    expect(new Set(ids).size).toBe(ids.length);
    for (const [path, methods] of Object.entries(paths)) {
      for (const method of Object.keys(methods)) {
        if (path === '/events') continue;
        const address = path.replaceAll(/\{\w+\}/g, 'none');
        const answer = await h.call(address, { method: method.toUpperCase(), as: null });
        // Known, and wanting credentials (or, to sign in, a body).
        expect([401, 400], `${method} ${path}`).toContain(answer.status);
      }
    }
  });

  test('every reference leads somewhere, every shape is a valid schema', async () => {
    const document = await fetchDocument();
    const names = Object.keys(document.components.schemas);
    const references = JSON.stringify(document).match(/#\/components\/schemas\/\w+/g) ?? [];
    expect(references.length).toBeGreaterThan(20);
    for (const reference of references) expect(names).toContain(reference.slice(reference.lastIndexOf('/') + 1));
    const ajv = new Ajv2020({ strict: false });
    for (const schema of Object.values(document.components.schemas)) {
      expect(ajv.validateSchema(schema as object)).toBe(true);
    }
  });

  test('real answers are what it says', async () => {
    const document = await fetchDocument();
    const ajv = new Ajv2020({ strict: false, formats: { 'date-time': true } });
    ajv.addSchema({ $id: 'api', ...document });
    const check = (name: string, value: unknown): void => {
      const validate = ajv.getSchema(`api#/components/schemas/${name}`)!;
      expect(validate(value), `${name} ${JSON.stringify(validate.errors)}`).toBe(true);
    };
    check('Call', (await h.call('/calls/c1')).json);
    check('Me', (await h.call('/me')).json);
    check('User', (await h.call('/agents')).json[0]);
    check('Queue', (await h.call('/queues')).json[0]);
    check('Problem', (await h.call('/calls/none')).json);
    check('Supervision', await h.control.startSupervision({ userId: 'sam' }, 'c1', { mode: 'listen' }));
    expect(ajv.getSchema('api#/components/schemas/Call')!({ id: 'c1' })).toBe(false);
  });

  test('/docs shows it without a script and without another host', async () => {
    const { headers, text } = await h.call('/docs', { as: null });
    expect(headers.get('content-type')).toContain('text/html');
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(text).not.toMatch(/<script|https?:\/\/|style="/i);
    for (const path of Object.keys((await fetchDocument()).paths)) expect(text).toContain(`<code>${path}</code>`);
    expect((await h.call('/docs/style.css', { as: null })).headers.get('content-type')).toContain('text/css');
    const home = await h.call('/', { as: null });
    expect([home.status, home.headers.get('location')]).toEqual([302, '/docs']);
  });
});

test(
  'whatever JSON comes, wherever: an answer that explains itself, and never a fault of ours',
  { timeout: 60_000 },
  async () => {
    const { paths } = (await h.call('/openapi.json')).json as { paths: Record<string, Record<string, unknown>> };
    const writes = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods)
        .filter((method) => method !== 'get')
        .map((method) => ({ path: path.replace('{id}', 'c1'), method: method.toUpperCase() })),
    );
    expect(writes.length).toBeGreaterThan(15);
    const key = fc.constantFrom(
      'mode',
      'target',
      'to',
      'agent',
      'state',
      'value',
      'paused',
      'override',
      'username',
      '__proto__',
    );
    const body = fc.oneof(
      fc.json(),
      fc.dictionary(key, fc.jsonValue()).map((value) => JSON.stringify(value)),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...writes), body, async ({ path, method }, text) => {
        const answer = await h.call(path, { method, body: text, headers: { 'content-type': 'application/json' } });
        expect([200, 201, 204, 400, 401, 404], `${method} ${path} ${text}: ${answer.text}`).toContain(answer.status);
        if (answer.status >= 400) expect(answer.json).toMatchObject({ status: answer.status });
      }),
      { numRuns: 200 },
    );
  },
);

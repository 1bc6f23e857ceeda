import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bindingRoute,
  formatBindings,
  listens,
  Registrar,
  type RegisterRequest,
  type RegisterResult,
} from '../../../src/sip/registrar.ts';

const source = { address: '192.0.2.7', port: 40000, transport: 'udp' as const };
let cseq = 0;

function request(contact: string | null, more: Partial<RegisterRequest> = {}): RegisterRequest {
  return { callId: 'c1', cseq: ++cseq, contact, expires: '60', source, userAgent: 'phone', path: [], ...more };
}

function uris(result: RegisterResult): string[] {
  return result.kind === 'ok' ? result.bindings.map((b) => b.uri) : [result.reason];
}

describe('Registrar', () => {
  it('binds several contacts, lists them on a query, and forgets them when they expire', () => {
    const r = new Registrar();
    r.register('alice', request('<sip:1001@10.0.0.1:5060>;expires=20, <sip:1001@10.0.0.2:5060>'), 0);
    const query = r.register('alice', request(null), 1000);
    expect(uris(query)).toEqual(['sip:1001@10.0.0.1:5060', 'sip:1001@10.0.0.2:5060']);
    expect(formatBindings(query.kind === 'ok' ? query.bindings : [], 1000)).toBe(
      '<sip:1001@10.0.0.1:5060>;expires=19, <sip:1001@10.0.0.2:5060>;expires=59',
    );
    expect(r.nextExpiry()).toBe(20_000);
    expect(r.contacts('alice', 20_000)).toHaveLength(1);
    expect(r.expire(20_000)).toEqual(['alice']);
    expect(r.expire(20_000)).toEqual([]);
    expect(r.expire(60_000)).toEqual(['alice']);
    expect(r.nextExpiry()).toBeNull();
  });

  it('tells a change from a refresh', () => {
    const r = new Registrar();
    const contact = '<sip:1001@10.0.0.1>';
    expect(r.register('a', request(contact), 0)).toMatchObject({ changed: true });
    expect(r.register('a', request(contact), 1)).toMatchObject({ changed: false });
    expect(r.register('a', request(contact, { source: { ...source, port: 1 } }), 2)).toMatchObject({ changed: true });
    expect(r.register('a', request(contact, { expires: '0' }), 3)).toMatchObject({ changed: true, bindings: [] });
    expect(r.register('a', request(contact, { expires: '0' }), 4)).toMatchObject({ changed: false });
  });

  it('takes all off with * and Expires 0, and only then (RFC 3261 section 10.2.2)', () => {
    const r = new Registrar();
    r.register('a', request('<sip:1001@10.0.0.1>, <sip:1001@10.0.0.2>'), 0);
    expect(r.register('a', request('*'), 1)).toMatchObject({ kind: 'refused', status: 400 });
    expect(r.register('a', request('*', { expires: null }), 1)).toMatchObject({ kind: 'refused', status: 400 });
    expect(r.bindings('a', 1)).toHaveLength(2);
    expect(r.register('a', request('*', { expires: '0' }), 1)).toMatchObject({ kind: 'ok', bindings: [] });
  });

  it('never lets an older REGISTER of the same Call-ID undo a newer one (section 10.3 step 7)', () => {
    const r = new Registrar();
    r.register('a', request('<sip:1001@10.0.0.1>', { cseq: 50 }), 0);
    const late = request('<sip:1001@10.0.0.1>', { cseq: 49, expires: '0' });
    expect(r.register('a', late, 1)).toMatchObject({ kind: 'refused', status: 500 });
    expect(r.register('a', { ...late, contact: '*' }, 1)).toMatchObject({ kind: 'refused', status: 500 });
    expect(r.bindings('a', 1)).toHaveLength(1);
    expect(r.register('a', { ...late, callId: 'other' }, 1)).toMatchObject({ kind: 'ok', bindings: [] });
  });

  it('applies a request whole or not at all', () => {
    const r = new Registrar();
    expect(r.register('a', request('<sip:1001@10.0.0.1>, <nonsense>'), 0)).toMatchObject({ status: 400 });
    expect(r.register('a', request('<sip:1001@10.0.0.1>, <sip:1001@10.0.0.2>;expires=5'), 0)).toMatchObject({
      status: 423,
    });
    expect(r.bindings('a', 0)).toEqual([]);
  });

  it('grants what is asked within its limits, and the default for nonsense', () => {
    const granted = (expires: string | null): number => {
      const r = new Registrar();
      r.register('a', request('<sip:1001@h>', { expires }), 0);
      return (r.bindings('a', 0)[0]?.expiresAt ?? 0) / 1000;
    };
    expect(granted('10')).toBe(10);
    expect(granted('999999')).toBe(7200);
    expect(granted(null)).toBe(3600);
    expect(granted('soon')).toBe(3600);
  });

  it('lets the contact that was refreshed longest ago give way at the limit', () => {
    const r = new Registrar({ minExpires: 10, defaultExpires: 60, maxExpires: 60, maxContacts: 2 });
    r.register('a', request('<sip:1001@h1>'), 0);
    r.register('a', request('<sip:1001@h2>'), 1);
    r.register('a', request('<sip:1001@h1>'), 2);
    expect(uris(r.register('a', request('<sip:1001@h3>'), 3))).toEqual(['sip:1001@h1', 'sip:1001@h3']);
  });

  it('knows a phone again that has restarted at another port (RFC 5626)', () => {
    const r = new Registrar();
    const contact = (port: number): string => `<sip:1001@h:${port}>;+sip.instance="<urn:uuid:1>";reg-id=1`;
    r.register('a', request(contact(1)), 0);
    expect(uris(r.register('a', request(contact(2), { callId: 'c2' }), 1))).toEqual(['sip:1001@h:2']);
  });

  it('refuses more contacts in one request than anybody has', () => {
    const many = Array.from({ length: 21 }, (_, i) => `<sip:1001@h${i}>`).join(',');
    expect(new Registrar().register('a', request(many), 0)).toMatchObject({ kind: 'refused', status: 400 });
  });

  it('removes a single contact', () => {
    const r = new Registrar();
    r.register('a', request('<sip:1001@h>'), 0);
    const key = r.bindings('a', 0)[0]?.key ?? '';
    expect([r.remove('a', key), r.remove('a', key), r.remove('b', key)]).toEqual([true, false, false]);
  });

  it('never throws on a Contact, and never holds more than the limit', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), fc.webUrl(), fc.constant('<sip:a@b>'))), (parts) => {
        const r = new Registrar();
        r.register('a', request(parts.join(',')), 0);
        expect(r.bindings('a', 0).length).toBeLessThanOrEqual(10);
      }),
    );
  });
});

describe('bindingRoute', () => {
  const bound = (contact: string, more: Partial<RegisterRequest> = {}): ReturnType<typeof bindingRoute> => {
    const r = new Registrar();
    r.register('a', request(contact, more), 0);
    return bindingRoute(r.bindings('a', 0)[0]!);
  };
  it('calls a phone on UDP where its REGISTER came from', () => {
    expect(bound('<sip:1001@10.0.0.1>')).toEqual({
      uri: 'sip:1001@10.0.0.1',
      proxy: 'sip:192.0.2.7:40000;transport=udp',
    });
  });
  it('calls a phone that knows its address where its Contact says, which may be another port', () => {
    expect(bound('<sip:1001@192.0.2.7:5080>')).toEqual({ uri: 'sip:1001@192.0.2.7:5080', proxy: null });
  });
  it('leaves a connection to the server that holds it', () => {
    const ws = { ...source, transport: 'ws' as const };
    expect(bound('<sip:x@y.invalid;transport=ws>', { source: ws }).proxy).toBeNull();
  });
  it('goes by the Path where there is one (RFC 3327)', () => {
    expect(bound('<sip:1001@h>', { path: ['<sip:edge.example;lr>', '<sip:b>'] }).proxy).toBe('sip:edge.example;lr');
  });
});

describe('listens', () => {
  const listening = (contact: string, transport: 'udp' | 'tcp' | 'tls' | 'ws'): boolean => {
    const r = new Registrar();
    r.register('a', request(contact, { source: { ...source, transport } }), 0);
    return listens(r.bindings('a', 0)[0]!);
  };
  it('is true of phones that can be called without the connection of their REGISTER', () => {
    expect(listening('<sip:1001@192.0.2.7:5060;transport=tcp>', 'tcp')).toBe(true);
    expect(listening('<sip:1001@192.0.2.7;transport=tls>', 'tls')).toBe(true);
    expect(listening('<sip:1001@10.0.0.1>', 'udp')).toBe(true);
  });
  it('is false behind NAT and of browsers', () => {
    expect(listening('<sip:1001@10.0.0.1;transport=tcp>', 'tcp')).toBe(false);
    expect(listening('<sip:x@192.0.2.7;transport=ws>', 'ws')).toBe(false);
  });
});

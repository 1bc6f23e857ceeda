import { describe, expect, it } from 'vitest';
import {
  DigestAuthenticator,
  digestResponse,
  parseCredentials,
  type DigestAlgorithm,
} from '../../../src/sip/digest.ts';

const realm = 'earshot.local';
const passwords = new Map([['1001', 'pw-alice']]);

function authenticator(algorithms: readonly DigestAlgorithm[] = ['MD5']): DigestAuthenticator {
  return new DigestAuthenticator({
    realm,
    algorithms,
    nonceLifetime: 1000,
    password: (user) => passwords.get(user) ?? null,
  });
}

function nonceOf(challenge: string | undefined): string {
  return /nonce="([^"]+)"/.exec(challenge ?? '')?.[1] ?? '';
}

interface Answer {
  algorithm?: DigestAlgorithm;
  username?: string;
  password?: string;
  nc?: string;
  qop?: string | null;
  uri?: string;
  realm?: string;
}

function answer(nonce: string, options: Answer = {}): string {
  const { algorithm = 'MD5', username = '1001', password = 'pw-alice', nc = '00000001', qop = 'auth' } = options;
  const fields = { username, realm: options.realm ?? realm, nonce, uri: options.uri ?? 'sip:h', qop, cnonce: 'c', nc };
  const response = digestResponse(algorithm, password, 'REGISTER', fields);
  const tail = qop === null ? '' : `, qop=${qop}, nc=${nc}, cnonce="c"`;
  return `Digest username="${username}", realm="${fields.realm}", nonce="${nonce}", uri="${fields.uri}", response="${response}", algorithm=${algorithm}${tail}`;
}

const request = (header: string | undefined): { method: string; uri: string; header: string | undefined } => ({
  method: 'REGISTER',
  uri: 'sip:h',
  header,
});

describe('digestResponse', () => {
  // RFC 7616 section 3.9.1
  const example = {
    username: 'Mufasa',
    realm: 'http-auth@example.org',
    nonce: '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v',
    uri: '/dir/index.html',
    qop: 'auth',
    nc: '00000001',
    cnonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ',
  };
  it.each([
    ['MD5', '8ca523f5e9506fed4657c9700eebdbec'],
    ['SHA-256', '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1'],
  ] as const)('gives the answer of the RFC for %s', (algorithm, expected) => {
    expect(digestResponse(algorithm, 'Circle of Life', 'GET', example)).toBe(expected);
  });
});

describe('DigestAuthenticator', () => {
  it('accepts the right answer, with either algorithm', () => {
    for (const algorithm of ['MD5', 'SHA-256'] as const) {
      const a = authenticator(['SHA-256', 'MD5']);
      const nonce = nonceOf(a.challenges(0, false)[0]);
      expect(a.verify(request(answer(nonce, { algorithm })), 10)).toEqual({ kind: 'ok', username: '1001' });
    }
  });

  it('offers one challenge per algorithm, best first', () => {
    const made = authenticator(['SHA-256', 'MD5']).challenges(0, true);
    expect(made.map((c) => /algorithm=([^,]+)/.exec(c)?.[1])).toEqual(['SHA-256', 'MD5']);
    expect(made[0]).toContain('stale=true');
    expect(made[0]).toContain('qop="auth"');
  });

  it('takes each nonce count once, and only rising', () => {
    const a = authenticator();
    const nonce = nonceOf(a.challenges(0, false)[0]);
    expect(a.verify(request(answer(nonce, { nc: '00000002' })), 1).kind).toBe('ok');
    expect(a.verify(request(answer(nonce, { nc: '00000002' })), 2)).toEqual({ kind: 'challenge', stale: true });
    expect(a.verify(request(answer(nonce, { nc: '00000001' })), 3)).toEqual({ kind: 'challenge', stale: true });
    expect(a.verify(request(answer(nonce, { nc: '00000003' })), 4).kind).toBe('ok');
  });

  it('takes a nonce once where the phone knows no qop', () => {
    const a = authenticator();
    const nonce = nonceOf(a.challenges(0, false)[0]);
    expect(a.verify(request(answer(nonce, { qop: null })), 1).kind).toBe('ok');
    expect(a.verify(request(answer(nonce, { qop: null })), 2)).toEqual({ kind: 'challenge', stale: true });
  });

  it('says stale for a right answer to an expired nonce', () => {
    const a = authenticator();
    const nonce = nonceOf(a.challenges(0, false)[0]);
    expect(a.verify(request(answer(nonce)), 1001)).toEqual({ kind: 'challenge', stale: true });
  });

  it('refuses a wrong password and a user that does not exist alike', () => {
    const a = authenticator();
    const nonce = nonceOf(a.challenges(0, false)[0]);
    expect(a.verify(request(answer(nonce, { password: 'wrong' })), 1)).toEqual({ kind: 'refused' });
    expect(a.verify(request(answer(nonce, { username: '9999' })), 1)).toEqual({ kind: 'refused' });
    expect(a.verify(request(answer(nonce, { username: '9999', password: 'no such user' })), 1).kind).toBe('refused');
  });

  it('challenges anew where realm or nonce are not ours', () => {
    const a = authenticator();
    const nonce = nonceOf(a.challenges(0, false)[0]);
    expect(a.verify(request(undefined), 1)).toEqual({ kind: 'challenge', stale: false });
    expect(a.verify(request(answer(nonce, { realm: 'other' })), 1)).toEqual({ kind: 'challenge', stale: false });
    expect(a.verify(request(answer('made.up.nonce')), 1)).toEqual({ kind: 'challenge', stale: false });
    expect(a.verify(request(answer(nonceOf(authenticator().challenges(0, false)[0]))), 1).kind).toBe('challenge');
  });

  it('refuses an answer given for another person than the request is for', () => {
    const a = authenticator();
    const nonce = nonceOf(a.challenges(0, false)[0]);
    const header = answer(nonce, { uri: 'sip:2000@h' });
    expect(a.verify({ method: 'REGISTER', uri: 'sip:1002@h', header }, 1).kind).toBe('refused');
  });

  it('takes an answer whose uri names the host alone, once', () => {
    const a = authenticator();
    const header = answer(nonceOf(a.challenges(0, false)[0]), { uri: 'sip:127.0.0.1:5060' });
    expect(a.verify({ method: 'REGISTER', uri: 'sip:1002@h', header }, 1).kind).toBe('ok');
    expect(a.verify({ method: 'REGISTER', uri: 'sip:1003@h', header }, 1).kind).toBe('challenge');
  });

  it('refuses algorithms and qop that it does not know', () => {
    const a = authenticator();
    const good = answer(nonceOf(a.challenges(0, false)[0]));
    expect(a.verify(request(good.replace('algorithm=MD5', 'algorithm=MD5-sess')), 1).kind).toBe('refused');
    expect(a.verify(request(good.replace('qop=auth', 'qop=auth-int')), 1).kind).toBe('refused');
  });
});

describe('parseCredentials', () => {
  it('tells several apart that were joined by commas', () => {
    const found = parseCredentials(
      'Digest username="a", realm="r1", nonce="n", uri="sip:x", response="AB", Digest username="b, c",realm="r2",nonce="n",uri="x",response="cd", qop = auth',
    );
    expect(found.map((c) => [c.username, c.realm, c.response])).toEqual([
      ['a', 'r1', 'ab'],
      ['b, c', 'r2', 'cd'],
    ]);
    expect(found[1]?.qop).toBe('auth');
  });

  it.each(['', 'Basic abc', 'Digest', 'Digest ,,,=,', 'Digest username="x'])('finds nothing in %j', (text) => {
    expect(parseCredentials(text)).toEqual([]);
  });
});

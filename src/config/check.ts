/** Checks that no single field can make: references, duplicates, addresses, secrets for show. Pure. */
import { createHash } from 'node:crypto';
import { isHost, isLoopback, isNetwork, parseHostPort } from './address.ts';
import type { Draft, Entry } from './draft.ts';
import type { Fault, Path } from './faults.ts';
import { pathText } from './faults.ts';

/** All faults of the draft, in no particular order. `profiles` are the known phone profiles. */
export function crossCheck(draft: Draft, profiles: ReadonlySet<string>): Fault[] {
  return [
    ...references(draft, profiles),
    ...duplicates(draft),
    ...addresses(draft),
    ...featureCodes(draft),
    ...tokens(draft),
    ...demoSecrets(draft),
    ...demoRobots(draft),
  ];
}

function references(draft: Draft, profiles: ReadonlySet<string>): Fault[] {
  const faults: Fault[] = [];
  const team = (path: Path, id: string): void => {
    if (!draft.teamIds.has(id)) {
      faults.push({ path, problem: `no team has the id "${id}"`, expected: `one of ${list(draft.teamIds)}` });
    }
  };
  for (const { index, value: user } of draft.users) {
    if (user.team !== undefined) team(['users', index, 'team'], user.team);
    user.teams?.forEach((id, i) => {
      team(['users', index, 'teams', i], id);
    });
    if (user.role === 'agent' && isAbsent(user, 'team')) {
      faults.push({ path: ['users', index, 'team'], problem: 'is missing', expected: 'the id of a team for an agent' });
    }
    const profile = user.phone?.profile;
    if (profile !== undefined && !profiles.has(profile)) {
      faults.push({
        path: ['users', index, 'phone', 'profile'],
        problem: `no phone profile is called "${profile}"`,
        expected: `one of ${list(profiles)}`,
      });
    }
  }
  for (const { index, value: queue } of draft.queues) {
    if (queue.team !== undefined) team(['queues', index, 'team'], queue.team);
  }
  for (const { index, value: trunk } of draft.trunks) {
    if ((trunk.numbers ?? []).length > 0 && isAbsent(trunk, 'outbound')) {
      faults.push({
        path: ['trunks', index, 'outbound'],
        problem: 'is missing although the trunk has numbers',
        expected: 'a SIP URI that outgoing calls are sent to',
      });
    }
  }
  return faults;
}

function duplicates(draft: Draft): Fault[] {
  const faults: Fault[] = [];
  /** Reports every occurrence after the first. */
  const unique = (items: Iterable<{ readonly path: Path; readonly key: string; readonly what?: string }>): void => {
    const seen = new Map<string, Path>();
    for (const { path, key, what } of items) {
      const first = seen.get(key);
      if (first === undefined) seen.set(key, path);
      else {
        faults.push({
          path,
          problem: `${what ?? `"${key}"`} is used already by ${pathText(first)}`,
          expected: 'one that nothing else has',
        });
      }
    }
  };
  const idsOf = (name: string, entries: readonly Entry<{ readonly id?: string }>[]): void => {
    unique(entries.flatMap(({ index, value }) => keyed([name, index, 'id'], value.id)));
  };
  idsOf('teams', draft.teams);
  idsOf('users', draft.users);
  idsOf('queues', draft.queues);
  idsOf('trunks', draft.trunks);
  // Extensions and queue numbers are dialled alike, so they share one space.
  unique([
    ...draft.users.flatMap(({ index, value }) => keyed(['users', index, 'extension'], value.extension)),
    ...draft.queues.flatMap(({ index, value }) => keyedList(['queues', index, 'numbers'], value.numbers)),
  ]);
  unique(draft.trunks.flatMap(({ index, value }) => keyedList(['trunks', index, 'numbers'], value.numbers)));
  unique(draft.trunks.flatMap(({ index, value }) => keyedList(['trunks', index, 'hosts'], value.hosts)));
  unique(
    draft.tokens.flatMap(({ index, value }) => {
      const hash = value.sha256?.toLowerCase() ?? (value.token === undefined ? undefined : sha256(value.token));
      return keyed(['api', 'tokens', index], hash).map((item) => ({ ...item, what: 'the same token' }));
    }),
  );
  unique(
    draft.listen
      .filter(({ value }) => parseHostPort(value)?.port !== 0)
      .flatMap(({ index, value }) => keyed(['sip', 'listen', index], value)),
  );
  return faults;
}

/** Absent in the file; a field that is there but not valid has its own fault already. */
function isAbsent<T extends object>(sound: T, field: keyof T): boolean {
  return Object.hasOwn(sound, field) && sound[field] === undefined;
}

function keyed(path: Path, key: string | undefined): { path: Path; key: string }[] {
  return key === undefined ? [] : [{ path, key }];
}

function keyedList(path: Path, keys: readonly string[] | undefined): { path: Path; key: string }[] {
  return (keys ?? []).map((key, i) => ({ path: [...path, i], key }));
}

function addresses(draft: Draft): Fault[] {
  const faults: Fault[] = [];
  const listen = (path: Path, text: string, example: string): void => {
    const address = parseHostPort(text);
    if (address === null || !isHost(address.host)) {
      faults.push({ path, problem: `"${text}" is not an address with a port up to 65535`, expected: example });
    }
  };
  const host = (path: Path, value: string | undefined): void => {
    if (value !== undefined && !isHost(value)) {
      faults.push({ path, problem: `"${value}" is no address`, expected: 'an IP address or a host name' });
    }
  };
  const { sip, media, api } = draft;
  sip.listen?.forEach((text, i) => {
    listen(['sip', 'listen', i], text, 'an address like udp://127.0.0.1:5060');
  });
  const secure = draft.listen.find(({ value }) => /^(tls|wss):/.test(value));
  if (secure !== undefined && isAbsent(sip, 'tls')) {
    faults.push({
      path: ['sip', 'tls'],
      problem: `is missing although sip.listen[${secure.index}] needs a certificate`,
      expected: 'the paths of a certificate and its key (cert, key)',
    });
  }
  host(['sip', 'externalAddress'], sip.externalAddress);
  if (api.listen !== undefined) listen(['api', 'listen'], api.listen, 'an address like 127.0.0.1:8080');
  host(['media', 'address'], media.address);
  host(['media', 'announcedAddress'], media.announcedAddress);
  if (media.rtpPorts !== undefined) {
    const [first, last] = media.rtpPorts;
    if (first < 1024 || last - first < 3) {
      faults.push({
        path: ['media', 'rtpPorts'],
        problem: `${first} to ${last} is not a usable range`,
        expected: 'first and last port, from 1024 on, at least four ports (one leg takes two)',
      });
    }
  }
  if (/^(0\.0\.0\.0|::)$/.test(media.address ?? '') && isAbsent(media, 'announcedAddress')) {
    faults.push({
      path: ['media', 'announcedAddress'],
      problem: `is missing although media.address is ${media.address ?? ''}`,
      expected: 'the address to write into SDP',
    });
  }
  for (const { index, value: trunk } of draft.trunks) {
    trunk.hosts?.forEach((value, i) => {
      if (!isNetwork(value)) host(['trunks', index, 'hosts', i], value);
    });
  }
  return faults;
}

function featureCodes(draft: Draft): Fault[] {
  const codes = Object.entries(draft.featureCodes);
  // An extension follows a code, so no code may begin with another one.
  return codes.flatMap(([name, code], i) => {
    const clash = codes.find(([, other], j) => i !== j && code.startsWith(other) && (code !== other || i > j));
    if (clash === undefined) return [];
    const problem = `"${code}" begins with the code of ${clash[0]}`;
    return [{ path: ['featureCodes', name], problem, expected: 'a code that begins with no other one' }];
  });
}

function tokens(draft: Draft): Fault[] {
  const faults: Fault[] = [];
  for (const { index, value: entry } of draft.tokens) {
    if (entry.user !== undefined && !draft.userIds.has(entry.user)) {
      const problem = `no user has the id "${entry.user}"`;
      faults.push({ path: ['api', 'tokens', index, 'user'], problem, expected: `one of ${list(draft.userIds)}` });
    }
    const both = entry.token !== undefined && entry.sha256 !== undefined;
    if (both || (isAbsent(entry, 'token') && isAbsent(entry, 'sha256'))) {
      const problem = both ? 'has both token and sha256' : 'has no token';
      faults.push({ path: ['api', 'tokens', index], problem, expected: 'either token or sha256' });
    }
  }
  return faults;
}

/** The secrets of the documentation and the default configuration are known to everybody. */
const DEMO_PASSWORD = /^pw-/;
const DEMO_TOKEN = /^secret-of-/;

/** Demo secrets are refused unless nobody but this machine can reach the server. */
function demoSecrets(draft: Draft): Fault[] {
  const open = openListener(draft);
  if (open === null) return [];
  const faults: Fault[] = [];
  const report = (path: Path): void => {
    faults.push({
      path,
      problem: `is a demo secret, but ${open} can be reached from other machines`,
      expected: 'a secret of your own (or loopback addresses only)',
    });
  };
  for (const { index, value: user } of draft.users) {
    if (DEMO_PASSWORD.test(user.password ?? '')) report(['users', index, 'password']);
  }
  for (const { index, value: entry } of draft.tokens) {
    const demoHash = entry.sha256?.toLowerCase() === sha256(`secret-of-${entry.user ?? ''}`);
    if (DEMO_TOKEN.test(entry.token ?? '')) report(['api', 'tokens', index, 'token']);
    else if (demoHash) report(['api', 'tokens', index, 'sha256']);
  }
  return faults;
}

/** The robots' phones are on loopback, and a customer who is a robot is nothing for a server that others reach. */
function demoRobots(draft: Draft): Fault[] {
  const { agent } = draft.demo;
  if (agent === undefined) return [];
  const faults: Fault[] = [];
  if (!draft.userIds.has(agent)) {
    const problem = `no user has the id "${agent}"`;
    faults.push({ path: ['demo', 'agent'], problem, expected: `one of ${list(draft.userIds)}` });
  }
  const open = openListener(draft);
  if (open !== null) {
    const problem = `is for this machine only, but ${open} can be reached from other machines`;
    faults.push({ path: ['demo'], problem, expected: 'no demo (or loopback addresses only)' });
  }
  return faults;
}

/** The first listener that is not on loopback, by its path; null if all are. */
function openListener(draft: Draft): string | null {
  const open = (text: string): boolean => {
    const address = parseHostPort(text);
    return address !== null && !isLoopback(address.host);
  };
  const sip = draft.listen.find(({ value }) => open(value));
  if (sip !== undefined) return `sip.listen[${sip.index}]`;
  return draft.api.listen !== undefined && open(draft.api.listen) ? 'api.listen' : null;
}

/** Whether the accounts are the demo ones, which may be printed at the start. */
export function isDemo(users: readonly { readonly password: string }[]): boolean {
  return users.length > 0 && users.every((user) => DEMO_PASSWORD.test(user.password));
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function list(values: ReadonlySet<string>): string {
  return values.size === 0 ? '(there are none)' : [...values].slice(0, 20).join(', ');
}

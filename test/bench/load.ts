/** Many users and many calls for the bench, by sipp: a registration for each user, one callee for all, one caller. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child, requireProgram } from '../support/process.ts';
import { DOMAIN } from '../support/server.ts';

const FIRST = 4000;

export interface LoadUser {
  readonly id: string;
  readonly extension: string;
  readonly password: string;
}

/** Agents for the configuration, of a team whose queue nobody calls. */
export function loadUsers(count: number): (LoadUser & Record<string, unknown>)[] {
  return Array.from({ length: count }, (_, i) => ({ ...loadUser('load', FIRST + i), role: 'agent', team: 'support' }));
}

/** Supervisors of the team sales. */
export function loadSupervisors(count: number): (LoadUser & Record<string, unknown>)[] {
  return Array.from({ length: count }, (_, i) => ({
    ...loadUser('boss', FIRST + 5000 + i),
    role: 'supervisor',
    teams: ['sales'],
    permissions: ['listen', 'whisper', 'barge'],
  }));
}

function loadUser(name: string, number: number): LoadUser & { readonly name: string } {
  const extension = String(number);
  return { id: `${name}${extension}`, name: `${name} ${extension}`, extension, password: `pw-${extension}` };
}

export interface Calls {
  readonly users: readonly LoadUser[];
  /** Where the calls go. */
  readonly port: number;
  readonly count: number;
  readonly atOnce: number;
  /** Calls started a second, at most. */
  readonly rate: number;
  /** How long each is up, ms. */
  readonly holdMs: number;
}

/** Registers all users with a contact at `contactPort`; resolves when the last is registered. */
export async function registerAll(users: readonly LoadUser[], port: number, contactPort: number): Promise<void> {
  const one = (branch: string, more: string): string => `<send retrans="500"><![CDATA[

REGISTER sip:${DOMAIN} SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=z9hG4bK-[pid]-[call_number]-${branch}
From: <sip:[field0]@${DOMAIN}>;tag=[pid]r[call_number]
To: <sip:[field0]@${DOMAIN}>
Call-ID: [call_id]
CSeq: [cseq] REGISTER
Contact: <sip:[field0]@[local_ip]:${contactPort}>
Expires: 600
${more}Max-Forwards: 70
Content-Length: 0

]]></send>`;
  const scenario = `${one('a', '')}
<recv response="401" auth="true"/>
${one('b', '[field1]\n')}
<recv response="200"/>`;
  const count = String(users.length);
  await run('register', scenario, users, ['-r', '100', '-l', '10', '-m', count], port);
}

/** A callee that answers whatever comes, at once. */
export function callee(port: number): Child {
  return new Child('sipp callee', requireProgram('sipp'), [...COMMON, '-sn', 'uas', '-p', String(port)], TERMINAL);
}

/** Makes the calls, from INVITE to the answer to BYE, the users in turn; resolves when all have succeeded. */
export async function makeCalls(calls: Calls): Promise<void> {
  const request = (start: string, branch: string, cseq: string, to: string, body: string): string => `
${start} sip:[field0]@${DOMAIN} SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=z9hG4bK-[pid]-[call_number]-${branch}
From: <sip:+44123@${DOMAIN}>;tag=[pid]c[call_number]
To: <sip:[field0]@${DOMAIN}>${to}
Call-ID: [call_id]
CSeq: ${cseq}
Contact: <sip:+44123@[local_ip]:[local_port]>
[routes]
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

${body}
`;
  const sdp = 'v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n';
  const inDialog = (method: string): string =>
    request(method, method, `${method === 'ACK' ? 1 : 2} ${method}`, '[peer_tag_param]', '').replace(
      /sip:\[field0\]@\S+ SIP/,
      '[next_url] SIP',
    );
  const scenario = `<send retrans="500"><![CDATA[${request('INVITE', 'a', '1 INVITE', '', sdp)}]]></send>
<recv response="100" optional="true"/>
<recv response="180" optional="true"/>
<recv response="183" optional="true"/>
<recv response="200" rrs="true"/>
<send><![CDATA[${inDialog('ACK')}]]></send>
<pause milliseconds="${calls.holdMs}"/>
<send retrans="500"><![CDATA[${inDialog('BYE')}]]></send>
<recv response="200"/>`;
  const limits = ['-r', String(calls.rate), '-l', String(calls.atOnce), '-m', String(calls.count)];
  await run('calls', scenario, calls.users, limits, calls.port);
}

/** `-aa`: OPTIONS is answered, by which Earshot asks a phone that sends no audio whether it is still there. */
const COMMON = ['-i', '127.0.0.1', '-nostdin', '-skip_rlimit', '-aa'];
/** After so long sipp gives up, seconds. */
const PATIENCE = '90';
const TERMINAL = { env: { TERM: 'xterm' } };

async function run(
  name: string,
  scenario: string,
  users: readonly LoadUser[],
  limits: readonly string[],
  port: number,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'earshot-load-'));
  try {
    writeFileSync(
      join(folder, 'scenario.xml'),
      `<?xml version="1.0"?>\n<scenario name="${name}">${scenario}</scenario>\n`,
    );
    const rows = users.map(
      (user) => `${user.extension};[authentication username=${user.extension} password=${user.password}];`,
    );
    writeFileSync(join(folder, 'users.csv'), `SEQUENTIAL\n${rows.join('\n')}\n`);
    const files = ['-sf', 'scenario.xml', '-inf', 'users.csv', '-timeout', PATIENCE, '-timeout_error'];
    const target = `127.0.0.1:${port}`;
    const child = new Child(`sipp ${name}`, requireProgram('sipp'), [...COMMON, ...files, ...limits, target], {
      ...TERMINAL,
      cwd: folder,
    });
    const exit = await child.exited;
    if (exit.code !== 0) throw new Error(`sipp ${name}: not all have succeeded:\n${child.output.slice(-3000)}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

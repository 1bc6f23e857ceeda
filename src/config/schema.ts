/**
 * The configuration file: one source for validation, types and the JSON Schema (config/earshot.schema.json).
 * Shapes are fixed by the contract; every field that may be left out has its default here. What a single field cannot
 * tell (references, duplicates, addresses) is checked in check.ts. The messages of patterns say what is expected.
 */
import { z } from 'zod';

const id = z
  .string()
  .regex(/^[A-Za-z0-9_.-]{1,64}$/, 'letters, digits, dot, dash or underscore, at most 64')
  .describe('Name by which other parts of the file and the API refer to this');
const host = z.string().regex(/^[^\s/]{1,253}$/, 'an IP address or a host name');
const listenUrl = z
  .string()
  .regex(/^(udp|tcp|tls|ws|wss):\/\/[^\s:/]+:\d{1,5}$/, 'an address like udp://127.0.0.1:5060 (udp, tcp, tls, ws, wss)')
  .describe('Transport, address and port; port 0 takes a free one');
const hostPort = z.string().regex(/^([^\s:/]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}$/, 'an address like 127.0.0.1:8080');
const port = z.int().min(0).max(65535);
const secret = z.string().min(1);
const positive = z.number().positive();
const featureCode = z.string().regex(/^[*#]\d{1,4}$/, 'a star or # and digits in quotes, like "*1"');

export const permission = z.enum(['listen', 'whisper', 'barge', 'takeover', 'transfer', 'assign', 'end']);
export const agentState = z.enum(['offline', 'available', 'ringing', 'on-call', 'wrap-up', 'away']);

export const sipSchema = z
  .strictObject({
    server: z
      .enum(['embedded', 'drachtio'])
      .default('embedded')
      .describe('embedded: the SIP server that comes with Earshot. drachtio: a drachtio-server of your own'),
    drachtio: z
      .strictObject({
        host: host.describe('Address of the drachtio-server'),
        port: port.describe('Its control port'),
        secret: secret.describe('The shared secret of its configuration'),
      })
      .default({ host: '127.0.0.1', port: 9022, secret: 'cymru' })
      .describe('Where the drachtio-server is; used where server is drachtio'),
    listen: z
      .array(listenUrl)
      .min(1)
      .default(['udp://127.0.0.1:5060', 'tcp://127.0.0.1:5060', 'ws://127.0.0.1:5066'])
      .describe('Where the embedded SIP server listens for phones and trunks'),
    domain: z
      .string()
      .regex(/^[A-Za-z0-9.-]{1,253}$/, 'a domain name or an IP address')
      .default('earshot.local')
      .describe('Phones register as extension@domain; also the realm of their passwords'),
    digest: z
      .array(z.enum(['MD5', 'SHA-256']))
      .min(1)
      .default(['MD5'])
      .describe('Challenges sent to phones, best first; many phones give up where they see SHA-256'),
    externalAddress: host
      .optional()
      .describe('Address that phones outside reach this server by, where it is behind NAT'),
    webSocketUrl: z
      .string()
      .regex(/^wss?:\/\/[^\s]+$/, 'a URL like wss://earshot.example.com/sip')
      .optional()
      .describe('URL by which browsers reach the ws or wss listener, where a proxy is before it'),
    tls: z
      .strictObject({
        cert: z.string().min(1).describe('Path of the certificate chain (PEM)'),
        key: z.string().min(1).describe('Path of the private key (PEM)'),
      })
      .optional()
      .describe('Certificate for tls and wss'),
  })
  .describe('Signalling: how phones and trunks reach Earshot');

export const mediaSchema = z
  .strictObject({
    engine: z
      .enum(['mediasoup', 'freeswitch'])
      .default('mediasoup')
      .describe("mediasoup: embedded, with Earshot's own RTP mixer. freeswitch: one or more FreeSWITCH of your own"),
    address: host.default('127.0.0.1').describe('IP address to which phones send their RTP'),
    announcedAddress: host.optional().describe('Address written into SDP instead of `address`, where it is behind NAT'),
    rtpPorts: z.tuple([port, port]).default([20000, 29999]).describe('First and last UDP port for RTP and RTCP'),
    codecs: z
      .array(z.enum(['PCMU', 'PCMA', 'opus']))
      .min(1)
      .default(['PCMU', 'PCMA'])
      .describe('Offered and accepted codecs, the preferred one first'),
    threads: z
      .int()
      .min(1)
      .max(64)
      .optional()
      .describe('Media threads, and as many mediasoup workers; default: one less than there are cores'),
    iceServers: z
      .array(
        z.strictObject({
          urls: z
            .array(z.string().regex(/^(stun|stuns|turn|turns):[^\s]+$/, 'a URL like turn:turn.example.com:3478'))
            .min(1)
            .describe('stun:, turn: and turns: URLs'),
          username: z.string().min(1).optional().describe('User name for turn'),
          credential: secret.optional().describe('Its password; it is shown to every user of the console'),
          secret: secret
            .optional()
            .describe('In place of both: the secret shared with the TURN server (static-auth-secret)'),
        }),
      )
      .default([])
      .describe('STUN and TURN servers for softphones in browsers that cannot reach `address` directly'),
    music: z.string().min(1).optional().describe('Path of the hold music: WAV, mono, 16 bit, 8 or 16 kHz'),
    freeswitch: z
      .array(
        z.strictObject({
          host: host.describe('Address of the event socket'),
          port: port.describe('Port of the event socket'),
          secret: secret.describe('Password of the event socket'),
        }),
      )
      .default([{ host: '127.0.0.1', port: 8021, secret: 'ClueCon' }])
      .describe('The FreeSWITCH servers; used where engine is freeswitch'),
  })
  .describe('Audio: engine, addresses and codecs');

export const tokenSchema = z
  .strictObject({
    user: id.describe('Id of the user whose requests this token makes'),
    token: secret.optional().describe('The token itself'),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/i, 'the SHA-256 of the token, 64 hexadecimal digits')
      .optional()
      .describe('In place of `token`: its SHA-256, so that the file does not hold the secret'),
  })
  .describe('A bearer token of the API');

const limitsSchema = z
  .strictObject({
    requestsPerSecond: positive.default(1000).describe('Sustained requests a second of one signed-in user'),
    requestBurst: positive.default(3000).describe('Requests that one signed-in user may make at once'),
    anonymousPerSecond: positive.default(50).describe('The same for requests without credentials, by address'),
    anonymousBurst: positive.default(300).describe('The same for requests without credentials, by address'),
    failuresPerMinute: positive.default(20).describe('Wrong passwords and tokens a minute, by address and by user'),
    failureBurst: positive.default(20).describe('Wrong passwords and tokens that may come at once'),
    eventClients: z.int().min(1).default(2000).describe('Event streams open at the same time'),
  })
  .prefault({})
  .describe('Rate limits; beyond them the answer is 429 with Retry-After');

export const apiSchema = z
  .strictObject({
    listen: hostPort.default('127.0.0.1:8080').describe('Address and port of the API and the console'),
    publicUrl: z
      .string()
      .regex(/^https?:\/\/[^\s/]+$/, 'an origin like https://earshot.example.com')
      .optional()
      .describe(
        'Origin by which browsers reach the API through a reverse proxy; https makes the session cookie Secure',
      ),
    tokens: z.array(tokenSchema).default([]).describe('Bearer tokens for programs'),
    sessionIdleMinutes: positive
      .default(60)
      .describe('A session without a request or open event stream ends after this'),
    limits: limitsSchema,
  })
  .describe('The HTTP API');

export const teamSchema = z.strictObject({ id, name: z.string().min(1).describe('Shown name') });

export const userSchema = z.strictObject({
  id,
  name: z.string().min(1).describe('Shown name'),
  role: z
    .enum(['agent', 'supervisor', 'admin'])
    .describe('agent: takes calls. supervisor: acts on the calls of the own teams. admin: on all'),
  kind: z.enum(['human', 'bot']).default('human').describe('A bot is never the source or the aim of a transfer'),
  team: id.optional().describe('The team of an agent'),
  teams: z.array(id).optional().describe('The teams of a supervisor'),
  extension: z
    .string()
    .regex(/^\d{1,15}$/, 'digits in quotes, like "1001"')
    .describe("The phone's number and user name"),
  password: secret.describe('For the phone (digest) and for signing in'),
  permissions: z
    .array(permission)
    .optional()
    .describe('What a supervisor may do; default: everything. An agent may do nothing of it, an admin all'),
  phone: z
    .strictObject({
      profile: id
        .default('generic')
        .describe('Name of a file in config/phones: how this phone is told to answer by itself'),
    })
    .default({ profile: 'generic' })
    .describe('The desk phone'),
  capacity: positive.default(1).describe('Units of work that the user takes at the same time'),
});

export const queueSchema = z.strictObject({
  id,
  name: z.string().min(1).describe('Shown name'),
  team: id.describe('Whose agents are rung'),
  numbers: z
    .array(z.string().regex(/^[A-Za-z0-9+*#_.-]{1,64}$/, 'a dialled number in quotes, like "8000"'))
    .default([])
    .describe('Dialled numbers that lead to this queue'),
  wrapUpSeconds: z.number().min(0).default(0).describe('Time after a call before the agent is available again'),
  ringSeconds: z.number().min(1).optional().describe("How long one agent's phone rings; default: policy.ringSeconds"),
  units: positive.default(1).describe('Units of capacity that a call of this queue takes'),
});

export const trunkSchema = z.strictObject({
  id,
  hosts: z
    .array(z.string().regex(/^[^\s/]{1,253}(\/\d{1,3})?$/, 'an IP address, a network like 192.0.2.0/24 or a host name'))
    .default([])
    .describe('Addresses that calls come from; such callers are customers'),
  outbound: z
    .string()
    .regex(/^sips?:[^\s]+$/, 'a SIP URI like sip:192.0.2.10:5060')
    .optional()
    .describe('SIP URI that outgoing calls are sent to'),
  numbers: z
    .array(z.string().regex(/^(\+?\d+\*?|\+?\*)$/, 'digits, with + before and * after where wanted, like "+44*"'))
    .default([])
    .describe('Dialled numbers that go out by this trunk; * at the end stands for any digits'),
  auth: z
    .strictObject({
      username: z.string().min(1).describe('User name that the trunk knows us by'),
      password: secret.describe('Its password'),
    })
    .optional()
    .describe('Credentials where the trunk asks for a digest'),
});

export const policySchema = z
  .strictObject({
    exclusivity: z
      .enum(['agent', 'coach'])
      .default('agent')
      .describe('agent: one supervisor per agent. coach: any number of listeners, one coach or barger (R-EXCL-4)'),
    monitorWhenStatus: z
      .array(agentState)
      .default(['available'])
      .describe('States in which a supervisor may start a supervision (R-START-4)'),
    ringSeconds: z.number().min(1).default(20).describe('How long a phone rings before the call goes on'),
    disclosure: z
      .enum(['none', 'agent', 'customer', 'both'])
      .default('none')
      .describe('Who is told by sound that a call is supervised (R-SEE-5)'),
    disclosureSound: z
      .string()
      .min(1)
      .optional()
      .describe('Path of the announcement (WAV, mono, 16 bit, 8 or 16 kHz); default: a short tone now and then'),
    transfer: z
      .enum(['blind', 'accept'])
      .default('blind')
      .describe('accept: the new agent accepts or rejects a transferred call (R-ACT-3)'),
    showSupervision: z
      .enum(['supervisors', 'everyone'])
      .default('supervisors')
      .describe("everyone: agents' views of a call show who supervises it (R-SEE-2)"),
    awayReasons: z.array(z.string().min(1)).default([]).describe('Accepted reasons of the state away; empty: any text'),
  })
  .describe('Choices where rules differ');

export const featureCodesSchema = z
  .strictObject({
    listen: featureCode.default('*1').describe("Before an agent's extension: listen"),
    whisper: featureCode.default('*2').describe("Before an agent's extension: whisper"),
    barge: featureCode.default('*3').describe("Before an agent's extension: barge"),
    available: featureCode.default('*50').describe('Sets the own state to available'),
    away: featureCode.default('*51').describe('Sets the own state to away'),
    offline: featureCode.default('*52').describe('Signs the own phone off'),
  })
  .describe('What desk phones dial (R-START-9)');

export const demoSchema = z
  .strictObject({
    agent: id.describe('Agent whose phone a robot is'),
    customer: z
      .string()
      .regex(/^\+?\d{1,20}$/, 'a telephone number')
      .describe('Number that the robot customer calls from'),
    dials: z
      .string()
      .regex(/^\d{1,15}$/, 'digits')
      .describe('Number that the robot customer calls: of a queue, or an extension'),
  })
  .describe('Two robot phones that keep a call going, so that there is one to listen to. Only on loopback addresses');

export const configSchema = z
  .strictObject({
    sip: sipSchema.prefault({}),
    media: mediaSchema.prefault({}),
    api: apiSchema.prefault({}),
    teams: z.array(teamSchema).default([]).describe('Teams of agents; supervisors are given teams'),
    users: z.array(userSchema).default([]).describe('Agents, supervisors and administrators'),
    queues: z.array(queueSchema).default([]).describe('Where calls wait for an agent of a team'),
    trunks: z.array(trunkSchema).default([]).describe('Lines to the telephone network'),
    policy: policySchema.prefault({}),
    featureCodes: featureCodesSchema.prefault({}),
    demo: demoSchema.optional(),
    shutdown: z
      .strictObject({
        drainSeconds: z.number().min(0).default(30).describe('How long live calls may go on after SIGTERM'),
      })
      .prefault({})
      .describe('Stopping'),
  })
  .describe('The configuration of Earshot');

export type Config = z.infer<typeof configSchema>;
export type UserConfig = Config['users'][number];
export type QueueConfig = Config['queues'][number];
export type TrunkConfig = Config['trunks'][number];

/**
 * The configuration file: one source for validation, types and the JSON Schema (config/earshot.schema.json).
 * Shapes are fixed by the contract; every field that may be left out has its default here.
 */
import { z } from 'zod';

const id = z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/, 'letters, digits, dot, dash, underscore; at most 64');
const listenUrl = z.string().regex(/^(udp|tcp|tls|ws|wss):\/\/[^\s:/]+:\d{1,5}$/, 'like udp://127.0.0.1:5060');
const hostPort = z.string().regex(/^[^\s:/]+:\d{1,5}$/, 'like 127.0.0.1:8080');
const port = z.int().min(0).max(65535);

export const permission = z.enum(['listen', 'whisper', 'barge', 'takeover', 'transfer', 'assign', 'end']);
export const agentState = z.enum(['offline', 'available', 'ringing', 'on-call', 'wrap-up', 'away']);

const sip = z.strictObject({
  server: z.enum(['embedded', 'drachtio']).default('embedded'),
  drachtio: z
    .strictObject({ host: z.string(), port, secret: z.string() })
    .default({ host: '127.0.0.1', port: 9022, secret: 'cymru' }),
  listen: z.array(listenUrl).min(1).default(['udp://127.0.0.1:5060', 'tcp://127.0.0.1:5060', 'ws://127.0.0.1:5066']),
  domain: z.string().min(1).default('earshot.local'),
  externalAddress: z.string().optional(),
  tls: z.strictObject({ cert: z.string(), key: z.string() }).optional(),
});

const media = z.strictObject({
  engine: z.enum(['mediasoup', 'freeswitch']).default('mediasoup'),
  address: z.string().default('127.0.0.1'),
  announcedAddress: z.string().optional(),
  rtpPorts: z.tuple([port, port]).default([20000, 29999]),
  codecs: z
    .array(z.enum(['PCMU', 'PCMA', 'opus']))
    .min(1)
    .default(['PCMU', 'PCMA']),
  threads: z.int().min(1).max(64).optional(),
  music: z.string().optional(),
  freeswitch: z
    .array(z.strictObject({ host: z.string(), port, secret: z.string() }))
    .default([{ host: '127.0.0.1', port: 8021, secret: 'ClueCon' }]),
});

const token = z.strictObject({
  user: id,
  token: z.string().min(1).optional(),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/i)
    .optional(),
});

const user = z.strictObject({
  id,
  name: z.string().min(1),
  role: z.enum(['agent', 'supervisor', 'admin']),
  team: id.optional(),
  teams: z.array(id).optional(),
  extension: z.string().regex(/^\d{1,15}$/, 'digits'),
  password: z.string().min(1),
  permissions: z.array(permission).optional(),
  phone: z.strictObject({ profile: id.default('generic') }).default({ profile: 'generic' }),
});

const queue = z.strictObject({
  id,
  name: z.string().min(1),
  team: id,
  numbers: z.array(z.string()).default([]),
  wrapUpSeconds: z.number().min(0).default(0),
  ringSeconds: z.number().min(1).optional(),
});

const trunk = z.strictObject({
  id,
  hosts: z.array(z.string()).default([]),
  outbound: z
    .string()
    .regex(/^sips?:/)
    .optional(),
  numbers: z.array(z.string()).default([]),
});

const policy = z.strictObject({
  exclusivity: z.enum(['agent', 'coach']).default('agent'),
  monitorWhenStatus: z.array(agentState).default(['available']),
  ringSeconds: z.number().min(1).default(20),
  disclosure: z.enum(['none', 'agent', 'customer', 'both']).default('none'),
  transfer: z.enum(['blind', 'accept']).default('blind'),
});

export const configSchema = z.strictObject({
  sip: sip.prefault({}),
  media: media.prefault({}),
  api: z.strictObject({ listen: hostPort.default('127.0.0.1:8080'), tokens: z.array(token).default([]) }).prefault({}),
  teams: z.array(z.strictObject({ id, name: z.string().min(1) })).default([]),
  users: z.array(user).default([]),
  queues: z.array(queue).default([]),
  trunks: z.array(trunk).default([]),
  policy: policy.prefault({}),
  shutdown: z.strictObject({ drainSeconds: z.number().min(0).default(30) }).prefault({}),
});

export type Config = z.infer<typeof configSchema>;
export type UserConfig = Config['users'][number];
export type QueueConfig = Config['queues'][number];
export type TrunkConfig = Config['trunks'][number];

/** Phone profiles (config/phones): the headers by which a maker's phones answer a call by themselves (R-START-3). */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';

/** Only headers that speak of how to alert; nothing that routing or identity hangs on can be set from a profile. */
const HEADER = /^(Alert-Info|Call-Info|Answer-Mode|Priv-Answer-Mode|P-Auto-Answer|Require|X-[A-Za-z0-9-]+)$/;

const profileSchema = z.strictObject({
  description: z.string().min(1),
  /** Whether these phones answer by themselves when asked to; otherwise they ring. */
  autoAnswer: z.boolean(),
  /** Sent with the INVITE when the phone is to answer by itself. */
  headers: z
    .record(
      z
        .string()
        .regex(HEADER, 'one of Alert-Info, Call-Info, Answer-Mode, Priv-Answer-Mode, P-Auto-Answer, Require, X-…'),
      z.string().regex(/^[\x20-\x7e]{1,256}$/, 'one line of printable ASCII'),
    )
    .default({}),
  /** How to set the phone up. */
  notes: z.string().min(1),
});

export type PhoneProfile = z.infer<typeof profileSchema>;

export const PHONE_PROFILES = fileURLToPath(new URL('../../config/phones', import.meta.url));

export class PhoneProfileError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PhoneProfileError';
  }
}

/** Reads every profile of a folder. Throws PhoneProfileError: file, path in it, what is wrong, what is expected. */
export function loadPhoneProfiles(folder: string = PHONE_PROFILES): ReadonlyMap<string, PhoneProfile> {
  const profiles = new Map<string, PhoneProfile>();
  for (const file of profileFiles(folder)) {
    const result = profileSchema.safeParse(readYaml(join(folder, file)));
    if (!result.success) {
      const faults = result.error.issues.map(
        (issue) => `${issue.path.map(String).join('.') || '(whole file)'}: ${issue.message}`,
      );
      throw new PhoneProfileError(`${file}: ${faults.join('; ')}`);
    }
    const { autoAnswer, headers } = result.data;
    if (autoAnswer !== Object.keys(headers).length > 0) {
      throw new PhoneProfileError(`${file}: headers: expected with autoAnswer: true, and only then`);
    }
    profiles.set(basename(file, '.yaml'), result.data);
  }
  return profiles;
}

/** Names that `phone.profile` of a user may have. */
export function phoneProfileNames(folder: string = PHONE_PROFILES): readonly string[] {
  return profileFiles(folder).map((file) => basename(file, '.yaml'));
}

function profileFiles(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.yaml'))
      .sort();
  } catch (error) {
    throw new PhoneProfileError(`the folder of phone profiles cannot be read: ${folder}`, { cause: error });
  }
}

function readYaml(file: string): unknown {
  try {
    return parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const text = error instanceof Error ? (error.message.split('\n')[0] ?? '') : '';
    throw new PhoneProfileError(`${basename(file)}: not readable as YAML: ${text}`, { cause: error });
  }
}

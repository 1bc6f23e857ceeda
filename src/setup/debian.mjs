import { readFileSync } from 'node:fs';
import { run, which } from './command.mjs';
import { SetupError, say } from './say.mjs';

/** The one list: purpose to Debian package to the command it brings (null: a library). */
const LIST = JSON.parse(readFileSync(new URL('debian-packages.json', import.meta.url), 'utf8'));

async function isInstalled(name, command) {
  if (command !== null) return which(command) !== null;
  if (which('dpkg-query') === null) return true; // Not a Debian: nothing can be known of its libraries.
  const status = await run('dpkg-query', ['-W', '-f=${db:Status-Status}', name], { title: 'asking dpkg' }).catch(
    () => '',
  );
  return status === 'installed';
}

/** The Debian packages for a purpose (`test`, `worker`) that this machine lacks. */
export async function missingPackages(purpose) {
  const entries = Object.entries(LIST[purpose]);
  const present = await Promise.all(entries.map(([name, command]) => isInstalled(name, command)));
  return entries.map(([name]) => name).filter((_, index) => !present[index]);
}

/** What a person would type to install them. */
export function aptCommand(packages) {
  return `apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}`;
}

/** How this process may run apt-get: as root, by sudo without a password, or null. */
async function aptPrefix() {
  if (which('apt-get') === null) return null;
  if (process.getuid?.() === 0) return [];
  if (which('sudo') === null) return null;
  const sudo = await run('sudo', ['-n', 'true'], { title: 'asking sudo' }).catch(() => null);
  return sudo === null ? null : ['sudo', '-n'];
}

/** apt-get, with the services that packages bring not started (policy-rc.d): a SIP proxy would take the SIP port. */
const APT_SCRIPT = `
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  trap 'rm -f $policy' EXIT
  trap 'exit 143' HUP INT TERM
  printf '#!/bin/sh\\nexit 101\\n' >$policy && chmod 755 $policy
fi
DEBIAN_FRONTEND=noninteractive apt-get "$@"
`;

/**
 * Installs Debian packages.
 * @throws {SetupError} with the command for a person to run, where this process may not
 */
export async function installPackages(packages, title) {
  const prefix = await aptPrefix();
  if (prefix === null) {
    const how =
      which('apt-get') === null ? 'install them with your package manager' : `as root: ${aptCommand(packages)}`;
    throw new SetupError(`these Debian packages are missing: ${packages.join(' ')}\n  ${how}`);
  }
  const settings = ['-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=3', '-q'];
  const apt = (...args) => {
    const [command, ...rest] = [...prefix, 'sh', '-c', APT_SCRIPT, 'sh', ...settings, ...args];
    return run(command, rest, { title });
  };
  say(`apt-get: ${packages.join(' ')}`);
  await apt('update');
  await apt('install', '-y', '--no-install-recommends', ...packages);
}

/** Step: the Debian packages that the tests need. */
export function testPackagesStep() {
  const title = 'installing Debian packages for the tests';
  return {
    title,
    due: async () => (await missingPackages('test')).length > 0,
    run: async () => installPackages(await missingPackages('test'), title),
  };
}

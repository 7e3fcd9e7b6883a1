import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

// Prints the table of docs/performance.md: the packages that `npm install` of this one adds to a Nest application, with their
// sizes: npm run build && node scripts/installed-size.mjs

/**
 * The installed size, as the sum of the files' lengths: blocks on a disk differ from machine to machine.
 *
 * @param {string} root the project's folder, with its packages installed and `dist` built
 * @returns {import('./installed-size.mjs').InstalledSize}
 */
export function installedSize(root) {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const seen = new Set();
  const dependencies = Object.keys(packages[''].dependencies).map((name) => {
    const brought = closure(packages, '', name, seen);
    return {
      name,
      brings: brought
        .map(nameOf)
        .filter((other) => other !== name)
        .sort(),
      bytes: brought.reduce((sum, place) => sum + bytesIn(join(root, place)), 0),
    };
  });
  return { own: packedBytes(root), dependencies };
}

/** All that is installed for one dependency, as far as it was not seen before: where, beneath the root. */
function closure(packages, from, name, seen) {
  const place = placeOf(packages, from, name);
  if (seen.has(place)) return [];
  seen.add(place);
  return [place, ...needs(packages, place).flatMap((other) => closure(packages, place, other, seen))];
}

/** What npm installs with a package: its dependencies, and the peers that it insists on and the application has not. */
function needs(packages, place) {
  const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } = packages[place];
  const there = packages[''].peerDependencies;
  const peers = Object.keys(peerDependencies ?? {}).filter(
    (name) => peerDependenciesMeta?.[name]?.optional !== true && !(name in there),
  );
  return [...Object.keys({ ...dependencies, ...optionalDependencies }), ...peers];
}

/** Where a package finds another: beneath itself, or beneath what it is beneath. */
function placeOf(packages, from, name) {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules/') - 1))) {
    const place = folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (place in packages) return place;
    if (folder === '')
      throw new Error(`package-lock.json has no ${name}, which ${from || 'this package'} needs`);
  }
}

function nameOf(place) {
  return place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);
}

/** Without the packages inside, which are counted where they are needed. */
function bytesIn(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => name !== 'node_modules')
    .map((entry) => join(folder, entry.name))
    .reduce((sum, path) => sum + (statSync(path).isDirectory() ? bytesIn(path) : statSync(path).size), 0);
}

/** The files that npm would publish, unpacked. */
function packedBytes(root) {
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts'];
  const { status, stdout, stderr } = spawnSync('npm', args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`npm pack failed:\n${stderr}`);
  return JSON.parse(stdout)[0].unpackedSize;
}

function markdown({ own, dependencies }) {
  const kib = (bytes) => Math.round(bytes / 1024).toLocaleString('en');
  const total = dependencies.reduce((sum, { bytes }) => sum + bytes, own);
  const packages = dependencies.reduce((sum, { brings }) => sum + 1 + brings.length, 0);
  const names = (brings) => brings.map((name) => `\`${name}\``).join(', ') || '–';
  return [
    '| package | brings | KiB |',
    '|---|---|--:|',
    `| \`nestjs-switchboard\` | – | ${kib(own)} |`,
    ...dependencies.map(({ name, brings, bytes }) => `| \`${name}\` | ${names(brings)} | ${kib(bytes)} |`),
    `| together | ${packages} packages | ${kib(total)} |`,
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.stdout.write(`${markdown(installedSize(fileURLToPath(new URL('..', import.meta.url))))}\n`);
}

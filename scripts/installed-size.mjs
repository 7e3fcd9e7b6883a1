import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

// Prints the table of docs/performance.md: the packages that `npm install` of this one adds to a Nest application, with their
// sizes: npm run build && node scripts/installed-size.mjs

/**
 * The installed size, as the sum of the files' lengths, because disks store files in blocks of different sizes.
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

/** The folders, beneath the root, of all packages that one dependency installs. Packages in `seen` are left out. */
function closure(packages, from, name, seen) {
  const place = placeOf(packages, from, name);
  if (seen.has(place)) return [];
  seen.add(place);
  return [place, ...needs(packages, place).flatMap((other) => closure(packages, place, other, seen))];
}

/** The packages that npm installs with a package: its dependencies, and its required peers that the application lacks. */
function needs(packages, place) {
  const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } = packages[place];
  const there = packages[''].peerDependencies;
  const peers = Object.keys(peerDependencies ?? {}).filter(
    (name) => peerDependenciesMeta?.[name]?.optional !== true && !(name in there),
  );
  return [...Object.keys({ ...dependencies, ...optionalDependencies }), ...peers];
}

/** The folder in which a package finds another: its own `node_modules`, or that of a folder above. */
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

/** The bytes of a package without the packages inside its folder, which are counted separately. */
function bytesIn(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => name !== 'node_modules')
    .map((entry) => join(folder, entry.name))
    .reduce((sum, path) => sum + (statSync(path).isDirectory() ? bytesIn(path) : statSync(path).size), 0);
}

/** The bytes of the files that npm would publish, unpacked. */
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

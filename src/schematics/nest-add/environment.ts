import { randomBytes } from 'node:crypto';
import type { Tree } from '@angular-devkit/schematics';
import type { NestAddOptions } from './options.js';

const FILE = '.env';
const HEADING =
  '# nestjs-switchboard. Every variable, with its default, is in its documentation under Configuration.';

/** The variables of a provider. The hosted service's own come from its dashboard, so these stay empty. */
function variablesOf(provider: NestAddOptions['provider']): Readonly<Record<string, string>> {
  if (provider === 'pusher') {
    return {
      SOCKET_PROVIDER: 'pusher',
      ...{ SOCKET_APP_ID: '', SOCKET_APP_KEY: '', SOCKET_APP_SECRET: '', PUSHER_CLUSTER: '' },
    };
  }
  return {
    SOCKET_PROVIDER: 'ws',
    SOCKET_APP_ID: 'app',
    SOCKET_APP_KEY: randomBytes(10).toString('hex'),
    SOCKET_APP_SECRET: randomBytes(20).toString('hex'),
  };
}

/** Appends the variables that `.env` does not set yet. */
export function addEnvironment(tree: Tree, provider: NestAddOptions['provider']): void {
  const text = tree.exists(FILE) ? tree.readText(FILE) : '';
  const lines = Object.entries(variablesOf(provider))
    .filter(([name]) => !new RegExp(`^\\s*(export\\s+)?${name}\\s*=`, 'm').test(text))
    .map(([name, value]) => `${name}=${value}\n`);
  if (lines.length === 0) return;
  const gap = text === '' ? '' : text.endsWith('\n') ? '\n' : '\n\n';
  const renewed = `${text}${gap}${HEADING}\n${lines.join('')}`;
  if (tree.exists(FILE)) tree.overwrite(FILE, renewed);
  else tree.create(FILE, renewed);
}

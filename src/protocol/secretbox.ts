import { createRequire } from 'node:module';
import type nacl from 'tweetnacl';

const require = createRequire(import.meta.url);
let loaded: typeof nacl | undefined;

/**
 * NaCl's secretbox, loaded with the first encrypted event: most applications have none. By `require`, because encrypting is
 * synchronous and `import()` is not.
 */
export function secretbox(): typeof nacl.secretbox {
  // What `require` returns has no type; the package's own declarations say it is this.
  loaded ??= require('tweetnacl') as typeof nacl;
  return loaded.secretbox;
}

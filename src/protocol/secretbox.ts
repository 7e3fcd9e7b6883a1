import { createRequire } from 'node:module';
import type nacl from 'tweetnacl';

const load = createRequire(__filename);
let loaded: typeof nacl | undefined;

/**
 * NaCl's secretbox, loaded with the first encrypted event, because most applications have none. It is loaded by `require`,
 * because encrypting is synchronous and `import()` is not.
 */
export function secretbox(): typeof nacl.secretbox {
  // `require` returns an untyped value. This is its type in the package's declarations.
  loaded ??= load('tweetnacl') as typeof nacl;
  return loaded.secretbox;
}

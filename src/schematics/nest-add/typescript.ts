import { createRequire } from 'node:module';
import { join } from 'node:path';
import type ts from 'typescript';

/** The compiler's own functions, of which a source file is read. */
export type TypeScript = typeof ts;

/** Loads the project's compiler. @throws Error with a readable message when there is none */
export function loadTypeScript(): TypeScript {
  try {
    // The project's compiler, not one that this package brings.
    return createRequire(join(process.cwd(), 'package.json'))('typescript') as TypeScript;
  } catch (cause) {
    throw new Error(
      'The project has no "typescript", which is needed to read its application module. Install with: npm install --save-dev typescript',
      { cause },
    );
  }
}

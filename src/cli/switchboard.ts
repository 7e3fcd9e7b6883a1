#!/usr/bin/env node
import { main } from './dead-letters.js';

try {
  process.loadEnvFile();
} catch {
  // There need not be an .env file; the environment alone will do.
}

process.exitCode = await main(process.argv.slice(2), process.env, {
  out: (line) => process.stdout.write(`${line}\n`),
  err: (line) => process.stderr.write(`${line}\n`),
});

#!/usr/bin/env node
import { main } from './dead-letters.js';

try {
  process.loadEnvFile();
} catch {
  // The .env file is optional.
}

void main(process.argv.slice(2), process.env, {
  out: (line) => process.stdout.write(`${line}\n`),
  err: (line) => process.stderr.write(`${line}\n`),
}).then((code) => {
  process.exitCode = code;
});

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createContext, runInContext, SourceTextModule } from 'node:vm';
import type * as Helper from 'nestjs-switchboard/browser';
import ts from 'typescript';
import { WebSocket } from 'ws';
import { startHost } from '../support/hosts.js';
import type { Pusher } from '../support/pusher-browser.js';
import { onTeardown } from '../support/teardown.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const BUILT = join(ROOT, 'dist/browser/index.mjs');
/** Everything that the helper takes from its surroundings, as `docs/browser.md` says. */
const NEEDED = `
interface AbortSignal {
  readonly aborted: boolean;
  readonly reason?: unknown;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}
declare class AbortController {
  readonly signal: AbortSignal;
  abort(): void;
}
interface Request {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly credentials?: 'omit' | 'same-origin' | 'include';
  readonly signal?: AbortSignal;
}
interface Response {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  text(): Promise<string>;
}
declare function fetch(url: string, request: Request): Promise<Response>;
declare function setTimeout(run: () => void, ms: number): { readonly timer: true };
declare function clearTimeout(timer: { readonly timer: true } | undefined): void;
declare const console: { warn(text: string): void };
`;

test('the helper takes nothing from a browser but what the page says, and nothing of JavaScript after ES2020', () => {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2020,
    lib: ['lib.es2020.d.ts'],
    types: [],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    strict: true,
    noEmit: true,
  };
  const host = ts.createCompilerHost(options);
  const globals = join(ROOT, 'needed.d.ts');
  const [readFile, fileExists] = [host.readFile.bind(host), host.fileExists.bind(host)];
  host.readFile = (path) => (path === globals ? NEEDED : readFile(path));
  host.fileExists = (path) => path === globals || fileExists(path);
  const getSourceFile = host.getSourceFile.bind(host);
  host.getSourceFile = (path, target, ...rest) =>
    path === globals ? ts.createSourceFile(path, NEEDED, target) : getSourceFile(path, target, ...rest);
  const program = ts.createProgram([join(ROOT, 'src/browser/index.ts'), globals], options, host);
  const problems = ts
    .getPreEmitDiagnostics(program)
    .map(
      ({ messageText, file }) =>
        `${file?.fileName ?? ''}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
    );
  expect(problems).toEqual([]);
});

test('the published helper has no syntax after ES2020', () => {
  const code = readFileSync(BUILT, 'utf8');
  const compiled = (target: ts.ScriptTarget) =>
    ts.transpileModule(code, {
      compilerOptions: { target, module: ts.ModuleKind.ESNext, removeComments: true },
    }).outputText;
  // Separators in numbers came with ES2021, but are older than these browsers.
  const latest = compiled(ts.ScriptTarget.ESNext).replace(/(\d)_(?=\d)/g, '$1');
  expect(compiled(ts.ScriptTarget.ES2020)).toBe(latest);
});

test('the page names what the helper needs', () => {
  const page = readFileSync(join(ROOT, 'docs/browser.md'), 'utf8');
  expect(page).toContain('`fetch`, `AbortController`, `Promise` and `setTimeout`');
  expect(page).toContain('Chrome and Edge 80, Firefox 74 and Safari 13.1');
});

test('it runs where there is nothing else, with the pusher-js of React Native', async () => {
  const { url } = await startHost({ provider: 'ws' });
  const context = createContext({ fetch, AbortController, setTimeout, clearTimeout, WebSocket });
  const { Pusher, connect } = await inside(context);
  const socket = await connect(Pusher, { url, headers: { 'x-member': 'alice' } });
  onTeardown(() => {
    socket.disconnect();
  });
  expect(socket.pusher.user.user_data).toMatchObject({ id: 'alice' });
  expect(socket.pusher.channel('broadcast').subscribed).toBe(true);
});

/** Loads the built helper, and `pusher-js` for React Native, in a world of their own. */
async function inside(context: object): Promise<{ Pusher: typeof Pusher; connect: typeof Helper.connect }> {
  const helper = new SourceTextModule(readFileSync(BUILT, 'utf8'), { context });
  await helper.link((specifier) => {
    throw new Error(`The helper imports ${specifier}`);
  });
  await helper.evaluate();
  const path = createRequire(import.meta.url).resolve('pusher-js/react-native');
  const main = path.includes('dist')
    ? path
    : join(ROOT, 'node_modules/pusher-js/dist/react-native/pusher.js');
  const run = runInContext(
    `(function (require, module, exports) {${readFileSync(main, 'utf8')}\n})`,
    context,
  ) as (require: (name: string) => unknown, module: { exports: unknown }, exports: unknown) => void;
  const made = { exports: {} as unknown };
  const network = { fetch: () => Promise.resolve({ type: 'wifi' }), addEventListener: () => undefined };
  run(() => ({ default: network, ...network }), made, made.exports);
  const { connect } = helper.namespace as typeof Helper;
  const exported = made.exports as { Pusher?: typeof Pusher; default?: typeof Pusher };
  return { Pusher: exported.default ?? exported.Pusher ?? (made.exports as typeof Pusher), connect };
}

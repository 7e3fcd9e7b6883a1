import { join } from 'node:path';
import ts from 'typescript';
import { type Block, type ExtractedPage, ROOT } from './page.js';

// Every page is a program of its own, because each may declare its own `SocketEvents`. Their common files are parsed once.
const sources = new Map<string, ts.SourceFile | undefined>();

/** Compiles a page's blocks, strictly, and returns what is wrong with them, by the page's own lines. */
export function problemsOf(page: ExtractedPage): string[] {
  const forBrowsers = page.blocks.filter(isForBrowsers);
  const forNode = page.blocks.filter((block) => !isForBrowsers(block));
  const bothEnds = [...forBrowsers, ...forNode.filter(isShared)];
  return [
    ...check(page, forNode, serverOptions()),
    ...(forBrowsers.length === 0
      ? []
      : RESOLUTIONS.flatMap((resolution) => check(page, bothEnds, browserOptions(resolution)))),
  ];
}

/** A front-end's project has one of these. The types of `pusher-js` differ between them. */
const RESOLUTIONS = [
  { module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler },
  { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext },
] as const;

/** Code that is bundled for browsers has the types of the DOM. */
function isForBrowsers({ text }: Block): boolean {
  return /from 'pusher-js'|^\/\/ \S+\.browser\.ts$/m.test(text);
}

/** The application's events are declared for both ends. */
function isShared({ text }: Block): boolean {
  return text.includes('declare module');
}

function check(page: ExtractedPage, blocks: readonly Block[], options: ts.CompilerOptions): string[] {
  if (blocks.length === 0) return [];
  const byPath = new Map(blocks.map((block) => [join(page.directory, block.file), block]));
  const host = ts.createCompilerHost(options);
  const getSourceFile = host.getSourceFile.bind(host);
  host.getSourceFile = (path, ...rest) => {
    if (path.startsWith(page.directory)) return getSourceFile(path, ...rest);
    const key = `${String(options.module)} ${path}`;
    if (!sources.has(key)) sources.set(key, getSourceFile(path, ...rest));
    return sources.get(key);
  };
  const program = ts.createProgram({ rootNames: [...byPath.keys()], options, host });
  return [
    ...program.getGlobalDiagnostics(),
    ...program.getOptionsDiagnostics(),
    ...[...byPath.keys()].flatMap((path) => {
      const file = program.getSourceFile(path);
      return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
    }),
  ].map(({ file, start = 0, messageText }) => {
    const text = ts.flattenDiagnosticMessageText(messageText, '\n');
    if (file === undefined) return text;
    const block = byPath.get(file.fileName);
    const { line } = file.getLineAndCharacterOfPosition(start);
    return `${block?.file ?? file.fileName}, line ${String((block?.line ?? 1) + line)}: ${text}`;
  });
}

/** The project's own options, for files that lie elsewhere. */
function serverOptions(): ts.CompilerOptions {
  const path = join(ROOT, 'tsconfig.json');
  const { config } = ts.readConfigFile(path, (file) => ts.sys.readFile(file)) as { config: unknown };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  const paths = Object.entries(options.paths ?? {}).map(([name, targets]) => [
    name,
    targets.map((target) => join(ROOT, target)),
  ]);
  return {
    ...options,
    paths: Object.fromEntries(paths) as Record<string, string[]>,
    typeRoots: [join(ROOT, 'node_modules/@types')],
    moduleDetection: ts.ModuleDetectionKind.Force,
    // A block shows one thing; that nothing follows is no mistake in it.
    noUnusedLocals: false,
    noUnusedParameters: false,
  };
}

function browserOptions(resolution: (typeof RESOLUTIONS)[number]): ts.CompilerOptions {
  return {
    ...serverOptions(),
    ...resolution,
    lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
  };
}

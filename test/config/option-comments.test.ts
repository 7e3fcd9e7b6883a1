import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { SETTINGS } from '../support/settings.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

// Editors read the declarations that are published, and so does this; `npm test` builds them.

/** The text and the default that an editor shows of every option, by its path. */
function commentsIn(file: string, name: string): ReadonlyMap<string, { text: string; byDefault: string }> {
  const { config } = ts.readConfigFile(`${ROOT}tsconfig.json`, (path) => ts.sys.readFile(path)) as {
    config: unknown;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  const program = ts.createProgram([ROOT + file], options);
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(ROOT + file);
  const [declared] =
    source?.statements.filter(ts.isInterfaceDeclaration).filter((it) => it.name.text === name) ?? [];
  if (declared === undefined) throw new Error(`${file} has no interface ${name}`);

  const comments = new Map<string, { text: string; byDefault: string }>();
  const visit = (type: ts.Type, prefix: string) => {
    for (const symbol of checker.getPropertiesOfType(type)) {
      const path = prefix + symbol.name;
      const tag = symbol.getJsDocTags(checker).find((it) => it.name === 'default');
      const text = ts.displayPartsToString(symbol.getDocumentationComment(checker));
      comments.set(path, { text, byDefault: ts.displayPartsToString(tag?.text) });
      const inner = checker.getNonNullableType(checker.getTypeOfSymbol(symbol));
      if (SETTINGS.some(([setting]) => setting.startsWith(`${path}.`))) visit(inner, `${path}.`);
    }
  };
  visit(checker.getTypeAtLocation(declared), '');
  return comments;
}

test('an editor shows the comment and the default of every setting in code', () => {
  const comments = commentsIn('dist/config/settings.d.ts', 'SocketSettings');
  const without = SETTINGS.map(([path]) => path).filter((path) => {
    const { text, byDefault } = comments.get(path) ?? { text: '', byDefault: '' };
    return text === '' || byDefault === '';
  });
  expect(without).toEqual([]);
  const sections = [...comments].filter(([, { text }]) => text === '').map(([path]) => path);
  expect(sections).toEqual([]);
});

test('and of what becomes of it in the configuration', () => {
  const comments = commentsIn('dist/ports/socket-config.d.ts', 'SocketConfig');
  const own = SETTINGS.map(([path]) => path).filter(
    (path) => !/^(pusher|socketIo|httpApi|webhooks)\./.test(path),
  );
  const without = own.filter((path) => (comments.get(path)?.text ?? '') === '');
  // The address is what the URL was read as.
  expect(without).toEqual(['redis.url']);
  expect(comments.get('redis.address')?.text).not.toBe('');
});

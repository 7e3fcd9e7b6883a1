import type ts from 'typescript';
import type { AppModule } from './app-module.js';
import type { TypeScript } from './typescript.js';

/** One entry for a list of a Nest module, with the names it needs and where they are imported from. */
export interface Entry {
  readonly list: 'imports' | 'controllers';
  readonly code: string;
  readonly from: Readonly<Record<string, string>>;
}

/**
 * Adds an entry to a list of a module's decorator, and the imports it needs.
 *
 * @throws Error with a readable message when the decorator is not written so that an entry can be added
 */
export function addEntry(ts: TypeScript, { path, className }: AppModule, text: string, entry: Entry): string {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const metadata = metadataOf(ts, source, className);
  const property = metadata?.properties.find(({ name }) => name?.getText() === entry.list);
  const list = property !== undefined && ts.isPropertyAssignment(property) ? property.initializer : undefined;
  if (metadata === undefined || (property !== undefined && !(list && ts.isArrayLiteralExpression(list)))) {
    throw new Error(
      `The ${entry.list} of ${className} in ${path} are not a plain list. Add this to them by hand: ${entry.code}`,
    );
  }
  const insertion =
    list !== undefined && ts.isArrayLiteralExpression(list)
      ? intoList(text, list, entry.code)
      : { at: metadata.getStart() + 1, text: `\n  ${entry.list}: [${entry.code}],` };
  // From the end of the file to its beginning, so that no insertion moves the place of another.
  return withImports(ts, source, insert(text, insertion), entry.from);
}

interface Insertion {
  readonly at: number;
  readonly text: string;
}

function insert(text: string, { at, text: added }: Insertion): string {
  return text.slice(0, at) + added + text.slice(at);
}

/** After the last entry, on a line of its own where that one is on a line of its own. */
function intoList(text: string, { elements, ...list }: ts.ArrayLiteralExpression, code: string): Insertion {
  const last = elements.at(-1);
  if (last === undefined) return { at: elements.pos, text: code };
  const before = text.slice(list.pos, last.getStart());
  const indent = /\n([ \t]*)$/.exec(before)?.[1];
  return { at: last.getEnd(), text: indent === undefined ? `, ${code}` : `,\n${indent}${code}` };
}

/** The object that `@Module` of a class is called with. */
function metadataOf(
  ts: TypeScript,
  source: ts.SourceFile,
  className: string,
): ts.ObjectLiteralExpression | undefined {
  for (const statement of source.statements) {
    if (!ts.isClassDeclaration(statement) || statement.name?.text !== className) continue;
    for (const { expression } of ts.getDecorators(statement) ?? []) {
      if (!ts.isCallExpression(expression) || expression.expression.getText() !== 'Module') continue;
      const [metadata] = expression.arguments;
      if (metadata !== undefined && ts.isObjectLiteralExpression(metadata)) return metadata;
    }
  }
  return undefined;
}

/** Imports the names that the file does not import yet, after its last import. */
function withImports(
  ts: TypeScript,
  source: ts.SourceFile,
  text: string,
  from: Readonly<Record<string, string>>,
): string {
  const imports = source.statements.filter((statement) => ts.isImportDeclaration(statement));
  const there = imports.map((statement) => statement.getText()).join('\n');
  const lines = Object.entries(from)
    .filter(([name]) => !new RegExp(`\\b${name}\\b`).test(there))
    .map(([name, module]) => `import { ${name} } from '${module}';\n`);
  const last = imports.at(-1);
  if (last === undefined) return lines.join('') + text;
  return insert(text, { at: last.getEnd(), text: '\n' + lines.join('').trimEnd() });
}

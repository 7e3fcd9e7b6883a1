import { dirname, join, normalize } from 'node:path/posix';
import type { Tree } from '@angular-devkit/schematics';
import type ts from 'typescript';
import type { TypeScript } from './typescript.js';

/** The module that an application starts with. */
export interface AppModule {
  /** Its file, like `src/app.module.ts`. */
  readonly path: string;
  /** Its class. */
  readonly className: string;
  /** The end of the project's relative imports: `.js` in ES modules, otherwise usually nothing. */
  readonly suffix: string;
}

/**
 * Finds the module that `main.ts` gives to `NestFactory`.
 *
 * @throws Error with a readable message when there is no `main.ts`, or no such module
 */
export function findAppModule(ts: TypeScript, tree: Tree, sourceRoot: string): AppModule {
  const main = join(sourceRoot, 'main.ts');
  if (!tree.exists(main)) {
    throw new Error(
      `There is no ${main}, so ${sourceRoot} is not the source of an application in TypeScript. ` +
        'In a monorepo name the application: nest add nestjs-switchboard --project <name>',
    );
  }
  const source = ts.createSourceFile(main, tree.readText(main), ts.ScriptTarget.Latest, true);
  const className = startedModule(ts, source);
  const from = className === undefined ? undefined : importOf(ts, source, className);
  const path = from?.startsWith('.') ? normalize(join(dirname(main), from.replace(/\.js$/, '') + '.ts')) : '';
  if (className === undefined || from === undefined || !tree.exists(path)) {
    throw new Error(
      `${main} does not start a module of this application with NestFactory.create(TheModule). ` +
        'Add SocketModule.forRoot() to the imports of your application module by hand.',
    );
  }
  return { path, className, suffix: from.endsWith('.js') ? '.js' : '' };
}

/** The first argument of `NestFactory.create…(…)`. */
function startedModule(ts: TypeScript, node: ts.Node): string | undefined {
  if (
    ts.isCallExpression(node) &&
    ts.isPropertyAccessExpression(node.expression) &&
    node.expression.expression.getText() === 'NestFactory'
  ) {
    const [module] = node.arguments;
    if (module !== undefined && ts.isIdentifier(module)) return module.text;
  }
  return ts.forEachChild(node, (child) => startedModule(ts, child));
}

/** Where a name is imported from. */
function importOf(ts: TypeScript, source: ts.SourceFile, name: string): string | undefined {
  for (const statement of source.statements) {
    if (!ts.isImportDeclaration(statement) || !ts.isStringLiteral(statement.moduleSpecifier)) continue;
    const bindings = statement.importClause?.namedBindings;
    if (bindings === undefined || !ts.isNamedImports(bindings)) continue;
    if (bindings.elements.some((element) => element.name.text === name))
      return statement.moduleSpecifier.text;
  }
  return undefined;
}

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

// Writes the table of docs/configuration.md and .env.example from the settings: npm run build && node scripts/settings.mjs

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** How long a line of .env.example may be. */
const LINE_LENGTH = 120;

const HEADER = `# Every variable in the order of docs/configuration.md, each with its default. Made by scripts/settings.mjs. The reference
# backend reads a copy of this that is named .env; the environment wins over it. The library reads no file.`;

/** The variables that are no settings. */
const OTHERS = [
  {
    variable: 'PORT',
    value: '3000',
    meaning: "The reference backend's port; 0 takes a free one. The library does not read it.",
  },
  {
    variable: 'NODE_ENV',
    value: '',
    meaning:
      '`production` makes `SOCKET_PROVIDER` required, and for `ws` and `pusher` credentials of your own.',
  },
];

/**
 * Every variable with its documentation.
 *
 * @param {readonly (readonly [path: string, setting: import('../src/settings/setting.js').Setting])[]} settings
 * @returns {readonly import('./settings.mjs').DocumentedVariable[]}
 */
export function documentedVariables(settings) {
  const comments = commentsInSources();
  return [
    ...OTHERS,
    ...settings.map(([path, { variable, default: value, unit }]) => {
      const comment = comments.get(variable);
      if (comment === undefined) throw new Error(`${path} has no comment with @default above it`);
      return {
        variable,
        path,
        value: asText(value),
        ...(unit !== undefined && { unit }),
        meaning: comment.meaning + remark(path, value, comment.default),
        ...(comment.see !== undefined && { see: comment.see }),
      };
    }),
  ];
}

/** The table of docs/configuration.md, formatted as Prettier does it. */
export function settingsTable(variables) {
  const code = (text) => (text === undefined || text === '' ? '–' : `\`${text}\``);
  const rows = variables.map(({ variable, path, value, unit, meaning, see }) => [
    code(variable),
    code(value),
    unit ?? '–',
    code(path),
    see === undefined ? meaning : `${meaning} [More](${see.replace(/^docs\//, '')}).`,
  ]);
  const header = ['variable', 'default', 'unit', 'in code', 'meaning'];
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((row) => row[column].length)));
  const line = (cells, fill) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column], fill)).join(' | ')} |`;
  return [
    line(header),
    line(
      header.map(() => ''),
      '-',
    ),
    ...rows.map((row) => line(row)),
  ].join('\n');
}

/** The page with this table between its marks. */
export function withTable(page, table) {
  const marks = /(<!-- settings -->\n)[\s\S]*(<!-- \/settings -->)/;
  if (!marks.test(page)) throw new Error('The page has no <!-- settings --> marks');
  return page.replace(marks, (_, begin, end) => `${begin}\n${table}\n\n${end}`);
}

/** The text of .env.example. */
export function envExample(variables) {
  const paragraphs = variables.map(
    ({ variable, value, meaning }) => `${asComment(meaning.replaceAll('`', ''))}\n#${variable}=${value}`,
  );
  return `${[HEADER, ...paragraphs].join('\n\n')}\n`;
}

/** The comments above the settings of all sections, by their variables. */
function commentsInSources() {
  const comments = new Map();
  for (const file of sources()) {
    const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
    const visit = (node) => {
      const variable = ts.isPropertyAssignment(node) ? variableOf(node.initializer) : undefined;
      if (variable !== undefined) comments.set(variable, commentOf(node));
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return comments;
}

/** The files that have sections. */
function sources() {
  const under = (folder) =>
    readdirSync(join(ROOT, folder), { recursive: true }).map((name) => join(ROOT, folder, name));
  return [
    ...under('src/settings').filter((file) => file.endsWith('.ts')),
    ...under('src/adapters').filter((file) => file.endsWith('.settings.ts')),
  ];
}

/** The variable of a call of `setting`. */
function variableOf(node) {
  if (!ts.isCallExpression(node) || node.expression.getText() !== 'setting') return undefined;
  const [first] = node.arguments;
  return first !== undefined && ts.isStringLiteral(first) ? first.text : undefined;
}

function commentOf(node) {
  const [comment] = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc);
  const tag = (name) => {
    const found = comment?.tags?.find(({ tagName }) => tagName.text === name);
    return found && oneLine(found.getText().replace(`@${name}`, '').replaceAll('*', ''));
  };
  const meaning = oneLine(ts.getTextOfJSDocComment(comment?.comment) ?? '');
  const byDefault = tag('default');
  if (meaning === '' || byDefault === undefined) return undefined;
  return { meaning, see: tag('see'), default: byDefault };
}

/** The comment's words about the default, besides the value itself. */
function remark(path, value, comment) {
  const text = Array.isArray(value) && value.length === 0 ? '[]' : asText(value);
  if (comment === text || (value === undefined && comment === 'none')) return '';
  if (value !== undefined && !comment.startsWith(`${text},`))
    throw new Error(`${path} has the default ${text}, and its comment says ${comment}`);
  return ` Default: ${comment}.`;
}

/** A value as its variable would have it. */
function asText(value) {
  return Array.isArray(value) ? value.join(',') : String(value ?? '');
}

function oneLine(text) {
  return text.replace(/\s+/g, ' ').trim();
}

function asComment(text) {
  const lines = ['#'];
  for (const word of text.split(' ')) {
    if (lines.at(-1).length + 1 + word.length > LINE_LENGTH) lines.push('#');
    lines.push(`${lines.pop()} ${word}`);
  }
  return lines.join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { allSections, knownAdapters } = await import('../dist/config/known-adapters.js');
  const { settingsIn } = await import('../dist/settings/setting.js');
  const variables = documentedVariables(settingsIn(allSections(knownAdapters([]))));
  const page = join(ROOT, 'docs/configuration.md');
  writeFileSync(page, withTable(readFileSync(page, 'utf8'), settingsTable(variables)));
  writeFileSync(join(ROOT, '.env.example'), envExample(variables));
}
